package dial

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/dial/sched"
	"github.com/mcpx/mcpx/transport/jsonrpc"
	"github.com/mcpx/mcpx/transport/mcp"
)

// Finding out what a server speaks (2026-07-28, stdio: backward compatibility):
//
//	eras.initialize ──────────────────────────────────▶ initialize ──▶ ready
//	otherwise  server/discover ──modern versions──▶ ready          (legacy)
//	              │     │           (modern)
//	              │     └─an error of its own, nonsense, silence──▶ initialize, same process
//	              └─legacy versions, death, or that initialize fails──▶ initialize, fresh process
//
// The first message fixes a process's era, so what has answered a probe is not
// used for the legacy era.

// mostSilence is how long a server may leave a probe unanswered.
const mostSilence = 5 * time.Second

func (d *Dialer) dialStdio(ctx context.Context, req link.DialRequest) (link.Conn, error) {
	defer d.ahead.Forget(req.Spec.Name) // where it has not come to a start
	e, failure := erasOf(req)
	if failure != nil {
		return nil, failure
	}
	n := stdioNegotiation{dialer: d, req: req, eras: e}
	c, failure := n.connect(ctx)
	if failure != nil {
		failure.Sent, failure.Stale = messages.SentNo, false // of whoever waits for this connection nothing was sent
		return nil, failure
	}
	if c.process.short {
		sched.UsualAll(c.Pid())
	}
	return c, nil
}

// stdioNegotiation is the way to one connection.
type stdioNegotiation struct {
	dialer *Dialer
	req    link.DialRequest
	eras
}

// verdict is what a probe has found: a ready connection, or the legacy version
// to ask a fresh process for, or that there is no way.
type verdict struct {
	ready   bool
	fresh   string
	offers  []string // with fresh: what the server listed; nil for nothing
	failure *messages.Failure

	again string // the probe is to be repeated with this version
	other bool   // the server does not know the probe: initialize
}

func (n *stdioNegotiation) connect(ctx context.Context) (*stdioConn, *messages.Failure) {
	if n.initialize {
		c, failure := n.unprobed(ctx, n.legacy[0])
		if failure == nil || ctx.Err() != nil || len(n.modern) == 0 {
			return c, failure
		}
		// It offers none of these (any more).
	}
	c, failure := n.dialer.openStdio(ctx, n.req)
	if failure != nil {
		return nil, failure
	}
	v := n.probe(ctx, c)
	if v.ready {
		if c.peer.Modern {
			c.modern.Store(true)
			c.subscription.open()
		}
		return c, nil
	}
	c.discard(ctx)
	if v.failure != nil {
		return nil, v.failure
	}
	c, failure = n.unprobed(ctx, v.fresh)
	if failure == nil && v.offers != nil {
		c.peer.Offers = v.offers
	}
	return c, failure
}

// unprobed connects to a fresh process by initialize alone.
func (n *stdioNegotiation) unprobed(ctx context.Context, version string) (*stdioConn, *messages.Failure) {
	c, failure := n.dialer.openStdio(ctx, n.req)
	if failure != nil {
		return nil, failure
	}
	p := c.begin("initialize", c.as.initialize(version))
	select {
	case out := <-p.done:
		failure = n.accept(c, out)
	case <-ctx.Done():
		failure = n.silent(ctx, c, "initialize")
	}
	if failure != nil {
		c.discard(ctx)
		return nil, failure
	}
	return c, nil
}

// probe asks the server to discover itself and, if that is not known there, to
// initialize.
func (n *stdioNegotiation) probe(ctx context.Context, c *stdioConn) verdict {
	patience := mostSilence
	if quarter := n.req.Spec.Policy.ConnectionTimeout / 4; quarter > 0 {
		patience = min(patience, quarter)
	}
	silence := time.NewTimer(patience)
	defer silence.Stop()
	if len(n.legacy) == 0 {
		silence.Stop() // there is nothing else to try
	}
	version, repeated := n.modern[0], false
	for {
		p := c.begin("server/discover", c.as.modern(nil, version, ""))
		select {
		case out := <-p.done:
			v := n.weigh(c, out, version)
			switch {
			case v.other:
				return n.initializeHere(ctx, c, nil)
			case v.again != "" && repeated:
				return verdict{failure: n.failf(c, "it refuses the protocol versions that it names itself: %s", v.again)}
			case v.again == "":
				return v
			}
			version, repeated = v.again, true
		case <-silence.C:
			return n.initializeHere(ctx, c, p)
		case <-ctx.Done():
			return verdict{failure: n.silent(ctx, c, "server/discover")}
		}
	}
}

// weigh decides what an answer to a probe with that version means.
func (n *stdioNegotiation) weigh(c *stdioConn, out messages.Outcome, version string) verdict {
	f := out.Failure
	if f == nil {
		found, ok := mcp.ReadDiscover(out.Result)
		if !ok {
			return n.unknown(c, "a result that is none of a discovery")
		}
		v := n.settle(c, found.Versions)
		if v.again != "" {
			c.peer, c.peer.Transport = found.Peer, messages.TransportStdio
			_, c.peer.Asked = c.as.discovers(version)
			c.peer.Protocol, c.peer.Modern, c.peer.Offers = v.again, true, found.Versions
			return verdict{ready: true}
		}
		return v
	}
	if f.Kind != messages.KindUpstream { // it died of the question, or so it seems
		if len(n.legacy) == 0 {
			return verdict{failure: f}
		}
		return verdict{fresh: n.legacy[0]}
	}
	supported, modern := mcp.SupportedFromError(&jsonrpc.Error{Code: f.Code, Message: f.Message, Data: f.Data})
	if !modern {
		return n.unknown(c, fmt.Sprintf("error %d: %s", f.Code, shorten(f.Message, 200)))
	}
	if len(supported) == 0 {
		return verdict{failure: n.failf(c, "it refuses server/discover with error %d: %s", f.Code, shorten(f.Message, 200))}
	}
	v := n.settle(c, supported)
	if v.again == version {
		return verdict{failure: n.failf(c, "it refuses protocol version %s and says that it supports it", version)}
	}
	return v
}

// settle picks one of the server's versions: a modern one in again, a legacy
// one in fresh.
func (n *stdioNegotiation) settle(c *stdioConn, supported []string) verdict {
	v, err := n.choose(supported)
	switch {
	case err != nil:
		return verdict{failure: n.failf(c, "%v", err)}
	case mcp.IsModern(v):
		return verdict{again: v}
	}
	return verdict{fresh: v, offers: supported}
}

func (n *stdioNegotiation) unknown(c *stdioConn, what string) verdict {
	if len(n.legacy) > 0 {
		return verdict{other: true}
	}
	return verdict{failure: n.failf(c, "it does not speak %s: it answered server/discover with %s; "+
		"protocol \"auto\" or \"legacy\" may do", n.modern[0], what)}
}

// initializeHere turns to initialize in a process that has been probed. An
// answer to the probe that comes late still counts until initialize is answered.
func (n *stdioNegotiation) initializeHere(ctx context.Context, c *stdioConn, probe *pending) verdict {
	p := c.begin("initialize", c.as.initialize(n.legacy[0]))
	var late <-chan messages.Outcome
	if probe != nil {
		late = probe.done
		defer c.table.take(probe.id)
	}
	for {
		select {
		case out := <-late:
			if v := n.weigh(c, out, n.modern[0]); v.ready {
				c.table.take(p.id)
				return v
			}
			late = nil
		case out := <-p.done:
			if n.accept(c, out) != nil {
				return verdict{fresh: n.legacy[0]} // it may be that the probe has spoiled it
			}
			return verdict{ready: true}
		case <-ctx.Done():
			return verdict{failure: n.silent(ctx, c, "initialize")}
		}
	}
}

// accept reads the answer to initialize and completes the handshake (2025-11-25, lifecycle).
func (n *stdioNegotiation) accept(c *stdioConn, out messages.Outcome) *messages.Failure {
	if f := out.Failure; f != nil && f.Kind == messages.KindUpstream {
		return n.failf(c, "it refuses initialize with error %d: %s", f.Code, shorten(f.Message, 200))
	} else if f != nil {
		return f
	}
	peer, err := initialized(out.Result, n.protocol)
	if err != nil {
		return n.failf(c, "%v", err)
	}
	c.peer, c.peer.Transport = peer, messages.TransportStdio
	if err := c.write(jsonrpc.AppendNotification(nil, "notifications/initialized", nil)); err != nil {
		return n.failf(c, "it answered initialize and then took no more input: %v", err)
	}
	return nil
}

// begin sends a request of the handshake.
func (c *stdioConn) begin(method string, params json.RawMessage) *pending {
	p := newPending(method, &link.SentFlag{}, 1)
	p.own = true
	if !c.table.add(p) {
		p.done <- messages.Outcome{Failure: c.gone(p.sent)}
	} else if failure := c.send(p, params); failure != nil {
		p.done <- messages.Outcome{Failure: failure}
	}
	return p
}

// failf is a failure of the handshake, with what the server said on stderr.
func (n *stdioNegotiation) failf(c *stdioConn, format string, args ...any) *messages.Failure {
	return messages.Failf(messages.KindUnavailable, c.name, "server %q: %s%s",
		c.name, fmt.Sprintf(format, args...), c.process.stderr.quote())
}

// silent is the failure of a handshake whose time is over.
func (n *stdioNegotiation) silent(ctx context.Context, c *stdioConn, method string) *messages.Failure {
	f := unanswered(ctx, &n.req.Spec, method)
	f.Message += c.process.stderr.quote()
	return f
}

package session

import (
	"context"
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
)

// A probe is a session of another kind: it reads a server's catalog, or looks
// how the server is, for the upstream. Nobody waits for it at the door, so its
// I/O has a goroutine of its own.
//
//	Working ──done──▶ reported
//
// The upstream stops a probe that has reported: stopping itself would let
// Terminated, a system message, overtake the report.
//
// Bounds: one request at a time, each with the server's request_timeout or
// health_check_timeout; the pages and entries of limits.catalog_*.
//
// Crash: it is stopped; the upstream sees Terminated without a report and
// treats the probe as failed.
type probe struct {
	cancel context.CancelFunc
}

// ProbeInput is what a probe accepts.
//
//sumtype:decl
type ProbeInput interface{ probeInput() }

// ReadCatalog starts the probe. Sender: the upstream. Reply: CatalogRead.
type ReadCatalog struct {
	Env    *kit.Env
	Server string
	Policy messages.Policy
	On     Connection
}

// LookAtHealth starts the probe. Sender: the upstream. Reply: HealthSeen.
type LookAtHealth struct {
	Env    *kit.Env
	Policy messages.Policy
	On     Connection
}

// Connection is what a probe works on.
type Connection struct {
	Conn   link.Conn // nil for a temporary one, made by Dialer
	Dialer link.Dialer
	Dial   link.DialRequest
}

// use returns the connection, and what ends it if it is a temporary one.
func (c Connection) use(ctx context.Context, p messages.Policy) (link.Conn, func(), error) {
	if c.Conn != nil {
		return c.Conn, func() {}, nil
	}
	dialling, cancel := context.WithTimeout(ctx, p.ConnectionTimeout)
	defer cancel()
	conn, err := c.Dialer.Dial(dialling, c.Dial)
	if err != nil {
		return nil, nil, err
	}
	return conn, func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), p.KillAfter)
		defer cancel()
		_ = conn.Close(closing) // nobody waits for it
	}, nil
}

type done struct{ report any }

func (ReadCatalog) probeInput()  {}
func (LookAtHealth) probeInput() {}
func (done) probeInput()         {}

// CatalogRead is a probe's report to its upstream.
type CatalogRead struct {
	Probe   string // the probe's name
	Catalog messages.Catalog
	Failure *messages.Failure // the catalog could not be read, or only in part (Catalog holds that)
}

// HealthSeen is a probe's report to its upstream. Problem is empty when the
// server answered.
type HealthSeen struct{ Probe, Problem string }

var probeProps = actor.PropsFromProducer(func() actor.Actor { return &probe{} })

// ProbeProps are the same for all probes.
func ProbeProps() *actor.Props { return probeProps }

// Receive implements actor.Actor.
func (p *probe) Receive(ctx actor.Context) {
	switch m := ctx.Message().(type) {
	case ProbeInput:
		p.handle(ctx, m)
	case *actor.Stopping:
		if p.cancel != nil {
			p.cancel()
		}
	case kit.Crash:
		panic(m.Reason)
	}
}

func (p *probe) handle(ctx actor.Context, in ProbeInput) {
	name := kit.Base(ctx.Self())
	switch m := in.(type) {
	case ReadCatalog:
		p.work(ctx, m.Env, func(working context.Context) any {
			catalog, failure := readCatalog(working, m)
			return CatalogRead{Probe: name, Catalog: catalog, Failure: failure}
		}, func(reason string) any {
			return CatalogRead{Probe: name, Failure: &messages.Failure{
				Kind: messages.KindInternal, Server: m.Server, Sent: messages.SentUnknown,
				Message: fmt.Sprintf("server %q: reading its catalog: %s", m.Server, reason),
			}}
		})
	case LookAtHealth:
		p.work(ctx, m.Env, func(working context.Context) any {
			return HealthSeen{Probe: name, Problem: lookAtHealth(working, m)}
		}, func(reason string) any { return HealthSeen{Probe: name, Problem: reason} })
	case done:
		ctx.Send(ctx.Parent(), m.report)
	}
}

// work does the probe's I/O and hands its report to the probe; failed makes the
// report of a panic.
func (p *probe) work(ctx actor.Context, env *kit.Env, do func(context.Context) any, failed func(reason string) any) {
	working, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	self, root := ctx.Self(), ctx.ActorSystem().Root
	env.Tasks.Go(func() {
		defer cancel()
		root.Send(self, done{do(working)})
	}, func(reason string) { root.Send(self, done{failed(reason)}) })
}

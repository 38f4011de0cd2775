package session

import (
	"context"
	"fmt"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
)

// A probe is a session of another kind: it reads a server's catalog for the
// upstream. Nobody waits for it at the door, so its I/O has a goroutine of its
// own.
//
//	Reading ──listed──▶ reported
//
// The upstream stops a probe that has reported: stopping itself would let
// Terminated, a system message, overtake the report.
//
// Bounds: one request at a time, each with the server's request_timeout; the
// pages and entries of limits.catalog_*.
//
// Crash: it is stopped; the upstream sees Terminated without a report and
// treats the reading as failed.
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
	Conn   link.Conn
}

type listed CatalogRead

func (ReadCatalog) probeInput() {}
func (listed) probeInput()      {}

// CatalogRead is a probe's report to its upstream.
type CatalogRead struct {
	Probe   string // the probe's name
	Catalog messages.Catalog
	Failure *messages.Failure // the catalog could not be read, or only in part (Catalog holds that)
}

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
	switch m := in.(type) {
	case ReadCatalog:
		p.read(ctx, m)
	case listed:
		ctx.Send(ctx.Parent(), CatalogRead(m))
	}
}

func (p *probe) read(ctx actor.Context, m ReadCatalog) {
	reading, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	self, root := ctx.Self(), ctx.ActorSystem().Root
	name := kit.Base(self)
	m.Env.Tasks.Go(func() {
		defer cancel()
		catalog, failure := readCatalog(reading, m)
		root.Send(self, listed{Probe: name, Catalog: catalog, Failure: failure})
	}, func(reason string) {
		root.Send(self, listed{Probe: name, Failure: &messages.Failure{
			Kind: messages.KindInternal, Server: m.Server, Sent: messages.SentUnknown,
			Message: fmt.Sprintf("server %q: reading its catalog: %s", m.Server, reason),
		}})
	})
}

// Package actors is the runtime: one door, behind it a supervisor that owns one
// actor per upstream server and per client session.
package actors

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/mcpx/mcpx/actors/gateway"
	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
)

// Options configure a Runtime.
type Options struct {
	Dialer link.Dialer
	Limits messages.Limits
	Logger *slog.Logger   // of the actor library itself; nil discards
	Clock  kit.Clock      // nil is the machine's
	Jitter func() float64 // in [0, 1); nil is random
}

// Runtime is the one door to the actors. Its methods may be called
// concurrently; after Close every one of them answers that nothing is there.
type Runtime struct {
	system  *actor.ActorSystem
	root    *actor.PID // the gateway
	table   *gateway.Table
	env     *kit.Env
	ids     atomic.Uint64 // askers
	calls   atomic.Uint64 // sessions
	paths   paths
	spared  chan *asker
	errands chan *errand // spared, too

	closing   atomic.Bool
	closeOnce sync.Once
	report    messages.CloseReport
}

// New starts an empty runtime.
func New(opts Options) *Runtime {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	if opts.Clock == nil {
		opts.Clock = kit.RealClock{}
	}
	if opts.Jitter == nil {
		opts.Jitter = rand.Float64
	}
	r := &Runtime{
		system: actor.NewActorSystem(
			actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return opts.Logger }),
			// The throttle keeps a goroutine for its interval, beyond our close.
			actor.WithDeadLetterThrottleInterval(time.Millisecond),
		),
		table:   gateway.NewTable(),
		spared:  make(chan *asker, sparedAskers),
		errands: make(chan *errand, sparedAskers),
		env:     &kit.Env{Clock: opts.Clock, Jitter: opts.Jitter, Tasks: &kit.Tasks{}, Limits: opts.Limits},
	}
	pid, err := r.system.Root.SpawnNamed(gateway.Props(gateway.Config{
		Env: r.env, Dialer: opts.Dialer, Table: r.table, IDs: new(atomic.Uint64),
	}), kit.GatewayName)
	if err != nil {
		panic(err) // the system is new
	}
	r.root = pid
	return r
}

// Apply makes the set of servers what specs say and returns the difference; it
// does not wait for connections. Servers that did not change keep their
// actors; a changed one is replaced by a new generation that is connected
// before the old one drains.
func (r *Runtime) Apply(ctx context.Context, specs []messages.ServerSpec) (messages.Diff, error) {
	reply, err := ask[messages.Applied](ctx, r, r.root, messages.ApplySpecs{Specs: specs})
	return reply.Diff, err
}

// Directory returns what all upstreams offer, from memory, at once.
func (r *Runtime) Directory() *messages.Directory { return r.table.Directory() }

// Catalog returns the catalog of one server, the last known one while the
// server is away. Where none is known yet it waits until the server is
// connected or an attempt has failed, or for ctx. A *messages.Failure says why
// there is none.
func (r *Runtime) Catalog(ctx context.Context, server string) (messages.Catalog, error) {
	for {
		entry, failure := r.resolve(messages.Anonymous, server)
		if failure != nil {
			return messages.Catalog{}, failure
		}
		if c, ok := entry.Catalog(); ok {
			return c, nil
		}
		if err := r.ready(ctx, entry, messages.AwaitReady{}); err != nil {
			return messages.Catalog{}, err
		}
	}
}

// Connect connects a server and waits until it is connected or the burst of
// attempts has failed. Connecting a connected server does nothing and says so
// in an event.
func (r *Runtime) Connect(ctx context.Context, server string) error {
	entry, failure := r.resolve(messages.Anonymous, server)
	if failure != nil {
		return failure
	}
	return r.ready(ctx, entry, messages.ConnectServer{})
}

func (r *Runtime) ready(ctx context.Context, entry *gateway.Entry, m any) error {
	pid := entry.PID()
	if pid == nil {
		return restarting(entry.Spec.Name)
	}
	reply, err := ask[messages.ReadyReply](ctx, r, pid, m)
	if err != nil {
		return err
	}
	if reply.Failure != nil {
		return reply.Failure
	}
	return nil
}

// Disconnect drains and closes a server's connection; its entry stays, and
// calls do not reconnect it. It returns false for a server that is unknown or
// not connected; a failing close is returned with true.
func (r *Runtime) Disconnect(ctx context.Context, server string) (bool, error) {
	entry, ok := r.table.Lookup(server)
	if !ok || entry.PID() == nil {
		kit.Publish(r.system, messages.NotConnected{Server: server})
		return false, nil
	}
	reply, err := ask[messages.DisconnectReply](ctx, r, entry.PID(), messages.DisconnectServer{})
	if err == nil && reply.Err != "" {
		err = messages.Failf(messages.KindUnavailable, server, "%s", reply.Err)
	}
	return reply.Was, err
}

// CheckHealth probes a server now, on an idle or a temporary connection, and
// returns its health after that. The error says what is wrong with it.
func (r *Runtime) CheckHealth(ctx context.Context, server string) (messages.Health, error) {
	entry, failure := r.resolve(messages.Anonymous, server)
	if failure != nil {
		return messages.Health{Status: messages.HealthUnknown}, failure
	}
	pid := entry.PID()
	if pid == nil {
		return entry.Status().Health, restarting(server)
	}
	reply, err := ask[messages.HealthChecked](ctx, r, pid, messages.CheckHealth{})
	if err != nil {
		return entry.Status().Health, err
	}
	if reply.Problem != "" {
		return reply.Health, messages.Failf(messages.KindUnavailable, server, "server %q: %s", server, reply.Problem)
	}
	return reply.Health, nil
}

// Status returns the status of one server; false for an unknown one.
func (r *Runtime) Status(server string) (messages.Status, bool) {
	entry, ok := r.table.Lookup(server)
	if !ok {
		return messages.Status{}, false
	}
	return entry.Status(), true
}

// Spec returns the specification by which a server serves; false for an unknown one.
func (r *Runtime) Spec(server string) (messages.ServerSpec, bool) {
	entry, ok := r.table.Lookup(server)
	if !ok {
		return messages.ServerSpec{}, false
	}
	return entry.Spec, true
}

// Statuses returns the status of every server, sorted by name.
func (r *Runtime) Statuses() []messages.Status {
	names := r.table.Names()
	all := make([]messages.Status, 0, len(names))
	for _, name := range names {
		if s, ok := r.Status(name); ok {
			all = append(all, s)
		}
	}
	return all
}

// Connected returns the number of connected servers.
func (r *Runtime) Connected() int {
	n := 0
	for _, s := range r.Statuses() {
		if s.State == messages.StateConnected {
			n++
		}
	}
	return n
}

// Tree returns the live actors, from the registry: an actor that hangs is in it.
func (r *Runtime) Tree() messages.TreeNode {
	var paths []string
	for _, bucket := range r.system.ProcessRegistry.LocalPIDs.LocalPIDs {
		for _, id := range bucket.Keys() {
			if id == kit.GatewayName || strings.HasPrefix(id, kit.GatewayName+"/") {
				paths = append(paths, id)
			}
		}
	}
	slices.Sort(paths)
	return tree(kit.GatewayName, paths)
}

func tree(root string, paths []string) messages.TreeNode {
	node := messages.TreeNode{Path: root}
	for _, p := range paths {
		rest, below := strings.CutPrefix(p, root+"/")
		if below && !strings.Contains(rest, "/") {
			node.Children = append(node.Children, tree(p, paths))
		}
	}
	return node
}

// Kill stops one actor by its path. Its supervisor does what it does for a
// crash: a session's caller is answered, a link's server reconnects, an
// upstream gets a new generation.
func (r *Runtime) Kill(path string) error {
	pid := actor.NewPID(r.root.Address, path)
	if path != kit.GatewayName && strings.HasPrefix(path, kit.GatewayName+"/") && r.alive(pid) {
		r.system.Root.Stop(pid)
		return nil
	}
	return fmt.Errorf("there is no actor %q below %q", path, kit.GatewayName)
}

// Crash makes one actor panic, for chaos runs. A panic of the gateway itself
// ends the program.
func (r *Runtime) Crash(path, reason string) error {
	pid := actor.NewPID(r.root.Address, path)
	if path != kit.GatewayName && !strings.HasPrefix(path, kit.GatewayName+"/") || !r.alive(pid) {
		return fmt.Errorf("there is no actor %q", path)
	}
	r.system.Root.Send(pid, kit.Crash{Reason: reason})
	return nil
}

// Subscribe calls f with every event of the runtime, on the goroutine of
// whoever publishes it: f must return quickly. The returned function ends the
// subscription.
func (r *Runtime) Subscribe(f func(messages.Event)) (cancel func()) {
	sub := r.system.EventStream.Subscribe(func(e any) {
		if event, ok := e.(messages.Event); ok {
			f(event)
		}
	})
	return func() { r.system.EventStream.Unsubscribe(sub) }
}

// Publish gives subscribers an event of whoever serves at the door.
func (r *Runtime) Publish(e messages.Event) { kit.Publish(r.system, e) }

// Close drains and closes everything within limits.CloseTimeout and says what
// did not go in good order. Concurrent callers wait for the same report;
// repeated, it is instant.
func (r *Runtime) Close() messages.CloseReport {
	r.closeOnce.Do(func() {
		r.closing.Store(true)
		deadline := time.Now().Add(r.env.Limits.CloseTimeout)
		ctx, cancel := context.WithDeadline(context.Background(), deadline)
		defer cancel()
		reply, err := ask[messages.AllClosed](ctx, r, r.root, messages.CloseAll{})
		r.report = reply.Report
		if err != nil {
			r.report.Errors = map[string]string{"": "the gateway did not close within " + r.env.Limits.CloseTimeout.String()}
		}
		r.stopRoot(ctx)
		r.env.Tasks.Wait(deadline)
		r.system.Shutdown()
	})
	return r.report
}

// stopRoot stops the gateway and waits until it has gone. The library's own
// stop of a system stops no actor.
func (r *Runtime) stopRoot(ctx context.Context) {
	a := r.newAsker(new(actor.PID))
	defer a.release()
	process, ok := r.system.ProcessRegistry.Get(r.root)
	if !ok {
		return
	}
	process.SendSystemMessage(r.root, &actor.Watch{Watcher: a.pid})
	r.system.Root.Stop(r.root)
	_, _ = r.next(ctx, a, r.root) // at the deadline it is as gone as it gets
}

package watch

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/mcpx/mcpx/actors/kit"
	"github.com/mcpx/mcpx/actors/link"
	"github.com/mcpx/mcpx/messages"
)

// listen is one subscriptions/listen of a modern server (2026-07-28,
// subscriptions). When the server ends it, it is opened again after growing
// pauses, and what may have been missed is told.
//
//	asking ──acknowledged──▶ open ──ended──▶ waiting ──pause──▶ asking …
//	   └──refused──▶ gone     └──nobody wants it any more──▶ gone
type listen struct {
	id     uint64
	uris   []string
	cancel context.CancelCauseFunc
	timer  kit.Timer // until it is acknowledged, or opened again

	acknowledged bool
	before       bool // it was, and may have missed something
	since        time.Time
	pause        time.Duration
}

// Pauses before a stream is opened again.
const (
	firstPause = 250 * time.Millisecond
	mostPause  = time.Minute
)

// heard is a notification on a stream, over its end, late the moment when it
// should have been acknowledged, reopen the end of a pause.
type heard struct {
	id           uint64
	notification messages.Notification
}
type over struct {
	id      uint64
	outcome messages.Outcome
}
type late struct{ id uint64 }
type reopen struct{ id uint64 }

// open opens a stream for resources that no other one brings.
func (w *watch) open(uris []string) {
	w.lastID++
	l := &listen{id: w.lastID, uris: uris}
	w.listens[l.id] = l
	for _, uri := range uris {
		w.resources[uri].listen = l
	}
	w.ask(l)
}

// ask makes the request of a stream.
func (w *watch) ask(l *listen) {
	ctx, cancel := context.WithCancelCause(w.life)
	l.cancel, l.acknowledged, l.since = cancel, false, w.env.Clock.Now()
	id := l.id
	filter := object("notifications", object("resourceSubscriptions", l.uris))
	req := messages.Request{Method: "subscriptions/listen", Params: filter}
	sink := messages.SinkFunc(func(n messages.Notification) error {
		w.report(heard{id, n})
		return nil
	})
	w.env.Tasks.Go(func() {
		defer cancel(nil)
		w.report(over{id, w.conn.Do(ctx, req, new(link.SentFlag), sink)})
	}, func(reason string) { w.report(over{id, messages.Outcome{Failure: w.bug(reason)}}) })
	l.timer = w.env.Clock.AfterFunc(w.policy.RequestTimeout, func() { w.report(late{id}) })
}

func (w *watch) heard(m heard) {
	l := w.listens[m.id]
	switch {
	case l == nil: // it was closed meanwhile
	case m.notification.Method == "notifications/subscriptions/acknowledged":
		w.acknowledged(l, m.notification.Params)
	case m.notification.Method == "notifications/resources/updated" && l.acknowledged:
		w.updated(m.notification)
	}
}

func (w *watch) acknowledged(l *listen, params json.RawMessage) {
	if l.acknowledged {
		return
	}
	l.timer.Stop()
	l.acknowledged = true
	var ack struct {
		Notifications struct{ ResourceSubscriptions []string }
	}
	_ = json.Unmarshal(params, &ack) // what is not there is not granted
	uris := l.uris
	l.uris = slices.DeleteFunc(slices.Clone(uris), func(uri string) bool {
		return !slices.Contains(ack.Notifications.ResourceSubscriptions, uri)
	})
	for _, uri := range uris {
		switch granted := slices.Contains(l.uris, uri); {
		case !l.before:
			w.decided(w.resources[uri], nil, granted)
		case !granted:
			w.withdraw(uri)
		default:
			w.updated(missed(uri))
		}
	}
	w.closeUnused(l)
}

// withdraw ends what was granted before and is not any more.
func (w *watch) withdraw(uri string) {
	r := w.resources[uri]
	delete(w.resources, uri)
	for by := range r.by {
		w.forget(by, uri)
		w.tell(by, messages.SubscriptionEnded{By: by})
	}
}

func (w *watch) late(m late) {
	if l := w.listens[m.id]; l != nil && !l.acknowledged {
		w.refused(l, messages.Failf(messages.KindTimeout, w.server, "server %q did not acknowledge the subscription within %v", w.server, w.policy.RequestTimeout))
	}
}

// over: the server has ended the stream, or it broke.
func (w *watch) over(m over) {
	l := w.listens[m.id]
	switch {
	case l == nil:
		return // we ended it
	case w.isLost(): // the upstream is hearing of it, too
		l.timer.Stop()
		return
	case !l.acknowledged && (!l.before || m.outcome.Failure == nil || m.outcome.Failure.Kind == messages.KindUpstream):
		w.refused(l, m.outcome.Failure)
		return
	}
	l.timer.Stop()
	l.acknowledged, l.before = false, true
	if w.env.Clock.Now().Sub(l.since) > mostPause {
		l.pause = 0
	}
	l.pause = min(max(2*l.pause, firstPause), mostPause)
	l.timer = w.env.Clock.AfterFunc(l.pause, func() { w.report(reopen{m.id}) })
}

func (w *watch) reopen(m reopen) {
	if l := w.listens[m.id]; l != nil {
		w.ask(l)
	}
}

// refused: the server does not tell of these resources.
func (w *watch) refused(l *listen, failure *messages.Failure) {
	w.drop(l)
	for _, uri := range l.uris {
		if l.before {
			w.withdraw(uri)
		} else {
			w.decided(w.resources[uri], failure, false)
		}
	}
}

// closeUnused ends a stream that nobody wants any more. One that somebody wants
// goes on as it is: what else it brings is nobody's until somebody wants it again.
func (w *watch) closeUnused(l *listen) {
	for _, uri := range l.uris {
		if len(w.resources[uri].by) > 0 {
			return
		}
	}
	w.drop(l)
	for _, uri := range l.uris {
		delete(w.resources, uri)
	}
}

func (w *watch) drop(l *listen) {
	l.timer.Stop()
	l.cancel(nil)
	delete(w.listens, l.id)
}

// object is a JSON object of one member, whose value always has a JSON form.
func object(key string, value any) json.RawMessage {
	raw, _ := json.Marshal(map[string]any{key: value})
	return raw
}

func uriOf(params json.RawMessage) string {
	var p struct {
		URI string `json:"uri"`
	}
	_ = json.Unmarshal(params, &p) // what names no resource is nobody's
	return p.URI
}

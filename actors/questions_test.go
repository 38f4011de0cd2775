package actors_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/mcpx/mcpx/actors"
	"github.com/mcpx/mcpx/actors/actortest"
	"github.com/mcpx/mcpx/messages"
)

// quiz asks a client questions, and gets its answers as texts: "-" where there
// is nobody to give one.
type quiz struct {
	r       *actors.Runtime
	clock   *actortest.Clock
	id      messages.ClientID
	answers chan string
}

func newQuiz(t *testing.T) *quiz {
	t.Helper()
	q := &quiz{clock: actortest.NewClock(), answers: make(chan string, 16)}
	q.r, _ = start(t, nil, func(o *actors.Options) { o.Clock = q.clock })
	q.id = open(t, q.r, alice)
	return q
}

func (q *quiz) question(id int) messages.Notification {
	return messages.Notification{
		Method: "sampling/createMessage", ID: json.RawMessage(fmt.Sprint(id)),
		Reply: func(a messages.Answer) {
			if a.Result == nil {
				a.Result = json.RawMessage("-")
			}
			q.answers <- fmt.Sprintf("%d: %s", id, a.Result)
		},
	}
}

// asked puts questions to the client.
func (q *quiz) asked(ids ...int) {
	for _, id := range ids {
		q.r.AskClient(q.id, q.question(id))
	}
}

func (q *quiz) answer(id, result string) {
	q.r.AnswerClient(q.id, alice, id, messages.Answer{Result: json.RawMessage(result)})
}

// hears insists on what the server gets.
func (q *quiz) hears(t *testing.T, want string) {
	t.Helper()
	select {
	case got := <-q.answers:
		if got != want {
			t.Errorf("the server got %q, want %q", got, want)
		}
	case <-time.After(actortest.Patience):
		t.Fatalf("the server did not get %q", want)
	}
}

// hearsNothing: what was sent to the client before this has been handled.
func (q *quiz) hearsNothing(t *testing.T, why string) {
	t.Helper()
	if _, err := q.r.CheckClient(q.id, alice); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-q.answers:
		t.Errorf("%s, and the server got %q", why, got)
	default:
	}
}

func (q *quiz) stream(t *testing.T) messages.StreamID {
	t.Helper()
	stream, err := q.r.OpenStream(q.id, alice, messages.StreamSpec{})
	if err != nil {
		t.Fatal(err)
	}
	return stream
}

func TestQuestion_IsAnsweredOnceByTheClientThatWasAsked(t *testing.T) {
	q := newQuiz(t)
	q.asked(1, 2)
	q.r.AnswerClient(q.id, bob, "1", messages.Answer{Result: json.RawMessage("forged")})
	q.answer("3", "to nothing")
	q.hearsNothing(t, "nobody has answered")
	q.answer("2", "two")
	q.hears(t, "2: two")
	q.answer("2", "again")
	q.hearsNothing(t, "it was answered before")
	q.asked(1) // its server has another connection: the first is nobody's
	q.hears(t, "1: -")
	if err := q.r.CloseClient(t.Context(), q.id, alice); err != nil {
		t.Fatal(err)
	}
	q.hears(t, "1: -")
	q.asked(4)
	q.hears(t, "4: -")
}

func TestQuestion_ThatItsServerTakesBackIsNobodysToAnswer(t *testing.T) {
	q := newQuiz(t)
	q.asked(1, 2)
	q.r.DropQuestion(q.id, "1")
	q.r.DropQuestion(q.id, "3")
	q.answer("1", "late")
	q.answer("2", "two")
	q.hears(t, "2: two")
	q.hearsNothing(t, "the other was taken back")
}

func TestQuestion_OfAClientWhoseConnectionHasGoneIsAnsweredWhenItDoesNotComeBack(t *testing.T) {
	q := newQuiz(t)
	q.asked(1, 2)
	q.r.LeaveQuestion(q.id, "1")
	q.r.LeaveQuestion(q.id, "nothing")
	q.clock.Advance(5*time.Second - 1)
	q.hearsNothing(t, "it has time to come back")
	q.clock.Advance(1)
	q.hears(t, "1: -")
	q.hearsNothing(t, "on the other connection it is asked still")

	q.r.LeaveQuestion(q.id, "2")
	q.stream(t) // it has come back
	q.clock.Advance(5 * time.Second)
	q.hearsNothing(t, "it is there again")
	q.answer("2", "two")
	q.hears(t, "2: two")
}

func TestQuestion_ThatFindsNoStreamWaitsForOneForAWhile(t *testing.T) {
	server := &actortest.Server{}
	clock := actortest.NewClock()
	q := &quiz{clock: clock, answers: make(chan string, 16)}
	q.r, _ = start(t, actortest.Dialer{"one": server}, func(o *actors.Options) { o.Clock = clock })
	apply(t, q.r, actortest.Spec("one"))
	q.id = open(t, q.r, alice)
	peer := messages.Caller{Mirror: true, Client: q.id}
	if _, f := q.r.Open(t.Context(), messages.Call{Server: "one", Principal: alice, Client: q.id, Caller: peer}); f != nil {
		t.Fatal(f)
	}
	says := server.Last().Request.Unsolicited
	says(messages.Notification{Method: "notifications/message"})
	says(q.question(1))
	clock.Advance(3 * time.Second)
	says(q.question(2))
	clock.Advance(3 * time.Second)
	q.hearsNothing(t, "the newest has time")
	clock.Advance(3 * time.Second)
	q.hears(t, "1: -")
	q.hears(t, "2: -")

	says(q.question(3))
	stream := q.stream(t)
	got, err := q.r.NextEvents(t.Context(), q.id, stream)
	if err != nil || len(got) != 2 || got[0].Method != "notifications/message" || string(got[1].ID) != "3" {
		t.Fatalf("%v, %v", got, err)
	}
	says(q.question(4)) // and nobody fetches it
	q.r.CloseStream(q.id, stream)
	clock.Advance(5 * time.Second)
	q.hears(t, "4: -")
	if err := q.r.CloseClient(t.Context(), q.id, alice); err != nil {
		t.Fatal(err)
	}
	says(q.question(5))
	q.hears(t, "5: -")
}

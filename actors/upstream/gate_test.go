package upstream

import (
	"encoding/json"
	"strconv"
	"sync"
	"testing"

	"github.com/mcpx/mcpx/messages"
)

func TestGate_LetsOneThroughAndKeepsTheLatestOfEachList(t *testing.T) {
	var g gate
	for i, n := range []struct {
		topic  messages.Topic
		params string
		passes bool
	}{
		{messages.TopicTools, `{"n":1}`, true}, {messages.TopicPrompts, "", false},
		{messages.TopicTools, `{"n":2}`, false}, {messages.TopicResources, `{}`, false}, {messages.TopicResources, "", false},
	} {
		if got := g.pass(n.topic, params(n.params)); got != n.passes {
			t.Errorf("%d: passes %v", i, got)
		}
	}
	got := g.open()
	if got.topics != messages.TopicTools|messages.TopicPrompts|messages.TopicResources || len(got.said) != 1 || string(got.said[messages.TopicTools]) != `{"n":2}` {
		t.Errorf("%+v", got)
	}
	if !g.pass(messages.TopicPrompts, nil) {
		t.Error("after it was opened nothing passes")
	}
	if got = g.open(); got.topics != messages.TopicPrompts || got.said != nil {
		t.Errorf("%+v", got)
	}
}

func params(s string) json.RawMessage {
	if s == "" {
		return nil
	}
	return json.RawMessage(s)
}

func TestGate_LosesNothingOfManyAtOnce(t *testing.T) {
	var g gate
	var telling sync.WaitGroup
	passed := make(chan told, 300)
	for i := range 3 {
		telling.Go(func() {
			for n := range 100 {
				if g.pass(messages.Topic(1<<i), params(strconv.Itoa(n))) {
					passed <- g.open()
				}
			}
		})
	}
	telling.Wait()
	close(passed)
	if g.told.Load() != nil {
		t.Error("something waits that nobody was told of")
	}
	last := map[messages.Topic]int{}
	for p := range passed {
		for topic, said := range p.said {
			if n, err := strconv.Atoi(string(said)); err != nil || p.topics&topic == 0 {
				t.Errorf("%s of %d: %v", said, p.topics, err)
			} else if last[topic] = max(last[topic], n); n > 99 {
				t.Errorf("%d was never told", n)
			}
		}
	}
	if last[messages.TopicTools] != 99 || last[messages.TopicPrompts] != 99 || last[messages.TopicResources] != 99 {
		t.Errorf("the last of each were %v", last)
	}
}

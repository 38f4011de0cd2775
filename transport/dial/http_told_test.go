package dial

import (
	"testing"
	"time"

	"github.com/mcpx/mcpx/tests/fakes/puppethttp"
)

func TestHTTPLegacy_WhoeverDialsHearsOfTheStandingStream(t *testing.T) {
	p := puppethttp.Start(t, puppethttp.Options{})
	d := httpTo(p.URL).era("legacy")
	told := make(chan bool, 8)
	d.Request.Stream = func(open bool) { told <- open }
	c := d.dial(t)
	hear := func(what string, want bool) {
		t.Helper()
		select {
		case open := <-told:
			if open != want {
				t.Fatalf("%s: told open %v", what, open)
			}
		case <-time.After(puppethttp.Patience):
			t.Fatalf("%s: nobody was told", what)
		}
	}
	hear("it is opened", true)
	p.AwaitStream(t)
	p.DropStreams()
	hear("the server ends it", false)
	hear("it is opened again", true)
	_ = c.Close(within(t)) // another test's concern
	hear("the session is closed", false)
}

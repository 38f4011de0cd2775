package main

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mcpx/mcpx/tests/leak"
	"github.com/mcpx/mcpx/tests/testkit"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if file := os.Getenv(envChild); file != "" && len(os.Args) == 3 {
		if err := child(file, os.Args[1], os.Args[2]); err != nil {
			_, _ = os.Stderr.WriteString(err.Error() + "\n")
			syscall.Exit(1)
		}
		syscall.Exit(0) // not os.Exit, in which the race detector sleeps
	}
	leak.Main(m,
		// Of the actor library: lives for one period after the last dead letter.
		goleak.IgnoreAnyFunction("github.com/asynkron/protoactor-go/actor.NewDeadLetter.NewThrottle.func4.1"))
}

func TestProfile_CallsOfTheGatewayAreInIt(t *testing.T) {
	mcpx, err := testkit.Binary()
	if err != nil {
		t.Fatal(err)
	}
	upstream, url, err := null(mcpx, t.TempDir(), 100)
	if err != nil {
		t.Fatal(err)
	}
	defer upstream.Kill()
	g, err := start(url)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "cpu.pb.gz")
	share := func(focus string) float64 {
		t.Helper()
		share, err := part{focus: focus}.share(file)
		if err != nil || share > 100 {
			t.Errorf("%s has %v %% (%v)", focus, share, err)
		}
		return share
	}
	// A profile has 100 samples per second of processor time, of which one or
	// another may be of code without a name: where there are too few of them to
	// say anything, once more with more calls.
	for calls := 300; ; calls *= 4 {
		_, err = profiled(file, func() (float64, error) {
			for range calls {
				got, err := testkit.Ask(t.Context(), http.MethodPost, g.url, testkit.Modern(1, "tools/call", `{"name":"null","arguments":{}}`),
					testkit.ModernHeaders("tools/call", "null"))
				if err != nil || !strings.Contains(got.Body, "Nothing was done") {
					t.Fatalf("%+v (%v)", got, err)
				}
			}
			return 1, nil
		})
		if err != nil {
			t.Fatal(err)
		}
		all, web := share(`.`), share(`net/http\.`)
		if all >= 95 && web > 0 {
			break
		}
		if calls > 4000 {
			t.Fatalf("of %d calls everything is %v %%, and net/http has %v %%", calls, all, web)
		}
	}
	if share, err := (part{focus: `no\.such\.function`}).share(file); err != nil || share != 0 {
		t.Errorf("what is not there has %v %% (%v)", share, err)
	}
	if err := g.stop(); err != nil {
		t.Error(err)
	}
	if _, err := (part{focus: "."}).share("no such file"); err == nil {
		t.Error("a profile that is not there is read without an error")
	}
}

func TestProfile_OverStdioIsThatOfTheProcessBetween(t *testing.T) {
	mcpx, err := testkit.Binary()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file := filepath.Join(dir, "cpu.pb.gz")
	// There is one sample in 10 ms of its processor time: where the machine gives
	// it too little of that, once more and longer.
	for length := 300 * time.Millisecond; ; length *= 4 {
		rate, err := overStdio(mcpx, dir, file, 16, 100, length)
		if err != nil || rate <= 0 {
			t.Fatal(rate, err)
		}
		share, err := part{focus: acting}.share(file)
		if err != nil || share <= 0 && length > 10*time.Second {
			t.Fatalf("the actors have %v %% (%v)", share, err)
		}
		if share > 0 {
			return
		}
	}
}

package puppet

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strconv"
	"syscall"
)

// family is plain with relatives: a child that holds its pipes, and a
// great-grandchild that double-forked with setsid and holds them as well; with
// the argument "holder" or "daemon" that one alone. With the argument "deaf" the
// relatives ignore SIGTERM, with "stubborn" the server itself ignores that and
// the end of input. They are there before the server answers anything. The tool
// "orphan" makes the server die and leave them behind.
func family(args []string) {
	deaf, stays := slices.Contains(args, "deaf"), slices.Contains(args, "stubborn")
	if stays {
		signal.Ignore(syscall.SIGTERM)
	}
	if !slices.Contains(args, "daemon") {
		spawn(false, "holder", deaf).wait()
	}
	if !slices.Contains(args, "holder") {
		spawn(true, "forker", deaf).wait()
	}
	s := legacyServer()
	s.tools["orphan"] = func(call) { quit(5) }
	s.serve()
	if stays {
		<-make(chan struct{})
	}
}

// relative is what family starts: holder and daemon stay, forker starts a daemon and goes.
func relative(args []string) {
	kind, deaf := args[0], args[1] == "true"
	if kind == "forker" {
		spawn(true, "daemon", deaf).wait()
		sayReady()
		return
	}
	if deaf {
		signal.Ignore(syscall.SIGTERM)
	}
	sayReady()
	<-make(chan struct{})
}

func sayReady() {
	ready := os.NewFile(3, "ready")
	_, _ = ready.WriteString("r")
	_ = ready.Close()
}

type kin struct{ ready *os.File }

// spawn starts a relative that holds our standard streams.
func spawn(setsid bool, kind string, deaf bool) kin {
	r, w, err := os.Pipe()
	if err != nil {
		panic(err)
	}
	self, _ := os.Executable()
	cmd := exec.Command(self, kind, strconv.FormatBool(deaf))
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.ExtraFiles = []*os.File{w}
	cmd.Env = append(os.Environ(), EnvBehaviour+"=relative")
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: setsid}
	if err := cmd.Start(); err != nil {
		panic(err)
	}
	_ = w.Close()
	if kind == "forker" {
		_ = cmd.Wait()
	}
	return kin{r}
}

func (k kin) wait() {
	_, _ = k.ready.Read(make([]byte, 1))
	_ = k.ready.Close()
}

// Marked returns the pids of all living processes of the system whose
// environment holds EnvMark with that value: a puppet that was started with it,
// and what it has started, wherever that has been re-parented to.
func Marked(mark string) []int {
	entries, err := os.ReadDir("/proc")
	if err != nil {
		panic(err)
	}
	want := []byte(EnvMark + "=" + mark)
	var pids []int
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		// A zombie's environment reads as empty: it does not count.
		env, _ := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if slices.ContainsFunc(bytes.Split(env, []byte{0}), func(v []byte) bool { return bytes.Equal(v, want) }) {
			pids = append(pids, pid)
		}
	}
	return pids
}

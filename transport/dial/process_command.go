package dial

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/mcpx/mcpx/messages"
	"github.com/mcpx/mcpx/transport/dial/guard"
)

// inherited are the variables of ours that a server gets: what a program needs
// to find itself at home, and nothing that may be a secret. LC_* come on top.
var inherited = []string{"PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "LANG", "TMPDIR", "TZ"}

// defaultPath is for a server of a gateway that was started without a PATH.
const defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// environment returns the whole environment of a server, sorted: what it
// inherits of ours, and above that what its configuration names.
func environment(ours []string, configured map[string]string) map[string]string {
	env := map[string]string{"PATH": defaultPath}
	for _, variable := range ours {
		name, value, ok := strings.Cut(variable, "=")
		if ok && (slices.Contains(inherited, name) || strings.HasPrefix(name, "LC_")) {
			env[name] = value
		}
	}
	maps.Copy(env, configured)
	return env
}

// commandOf turns a specification into what the guard executes. The failure
// says what in the configuration cannot work.
func commandOf(spec messages.ServerSpec) (guard.Command, *messages.Failure) {
	failf := func(format string, args ...any) (guard.Command, *messages.Failure) {
		return guard.Command{}, messages.Failf(messages.KindUnavailable, spec.Name,
			"server %q: %s", spec.Name, fmt.Sprintf(format, args...))
	}
	for what, text := range spec.Env {
		if what == "" || strings.ContainsAny(what, "=\x00") || strings.Contains(text, "\x00") {
			return failf("its environment variable %q cannot be set: no name may hold \"=\", no name or value a NUL", what)
		}
	}
	for _, text := range append([]string{spec.Command, spec.Cwd}, spec.Args...) {
		if strings.Contains(text, "\x00") {
			return failf("its command, arguments and cwd must not hold a NUL")
		}
	}
	dir, err := filepath.Abs(spec.Cwd)
	if err != nil {
		return failf("the current directory cannot be found: %v", err)
	}
	if info, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		return failf("its cwd %q does not exist", spec.Cwd)
	} else if err != nil {
		return failf("its cwd %q cannot be used: %v", spec.Cwd, err)
	} else if !info.IsDir() {
		return failf("its cwd %q is not a directory", spec.Cwd)
	}
	env := environment(os.Environ(), spec.Env)
	c := guard.Command{
		Name: spec.Name, Argv: append([]string{spec.Command}, spec.Args...), Dir: dir, KillAfter: spec.Policy.KillAfter,
	}
	for _, name := range slices.Sorted(maps.Keys(env)) {
		c.Env = append(c.Env, name+"="+env[name])
	}
	if spec.Command == "" {
		return failf("no command is configured")
	}
	var problem string
	if c.Path, problem = findProgram(spec.Command, env["PATH"], dir); problem != "" {
		return failf("command %q %s", spec.Command, problem)
	}
	return c, nil
}

// findProgram looks a command up as the server's shell would: in the effective
// PATH, or from the server's directory where it holds a slash.
func findProgram(command, path, dir string) (file, problem string) {
	if strings.Contains(command, "/") {
		file = command
		if !filepath.IsAbs(file) {
			file = filepath.Join(dir, file)
		}
		return file, notExecutable(file)
	}
	candidate := ""
	for _, entry := range filepath.SplitList(path) {
		if entry == "" {
			continue // the current directory by an old custom; nobody means that today
		}
		if !filepath.IsAbs(entry) {
			entry = filepath.Join(dir, entry)
		}
		file = filepath.Join(entry, command)
		switch info, err := os.Stat(file); {
		case err != nil || info.IsDir():
		case info.Mode()&0o111 == 0:
			candidate = file
		default:
			return file, ""
		}
	}
	if candidate != "" {
		return "", fmt.Sprintf("was found in PATH as %s, which is not executable; chmod +x it", candidate)
	}
	return "", "not found in PATH; install it or give its full path"
}

// notExecutable says why a file cannot be run, or nothing.
func notExecutable(file string) string {
	switch info, err := os.Stat(file); {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Sprintf("does not exist (looked for %s)", file)
	case err != nil:
		return fmt.Sprintf("cannot be run: %v", err)
	case info.IsDir():
		return "is a directory, not a program"
	case info.Mode()&0o111 == 0:
		return "is not executable; chmod +x it"
	}
	return ""
}

// startProblem says what the system said when the program was executed.
func startProblem(command string, err error) string {
	switch {
	case errors.Is(err, syscall.ENOENT):
		return fmt.Sprintf("command %q cannot be run: the interpreter that its first line (#!) or its header names does not exist", command)
	case errors.Is(err, syscall.ENOEXEC):
		return fmt.Sprintf("command %q is not a program for this system (a script needs a first line with #!)", command)
	case errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return fmt.Sprintf("command %q cannot be run: permission denied for it, its interpreter or its cwd", command)
	case errors.Is(err, syscall.E2BIG):
		return fmt.Sprintf("command %q cannot be run: its arguments and environment are too long", command)
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return "too many open files: raise the limit (ulimit -n) or lower the number of servers"
	case errors.Is(err, syscall.EAGAIN):
		return "too many processes: raise the limit (ulimit -u) or lower the number of servers"
	}
	return fmt.Sprintf("command %q cannot be run: %v", command, err)
}

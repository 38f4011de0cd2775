package config

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// fileNames are those of a configuration of our own, the one that counts first.
var fileNames = []string{"mcpx.json", "mcpx.yaml", "mcpx.yml", "mcpx.toml"}

// Find looks for a configuration where none was named: ./mcpx.json, mcpx.yaml,
// mcpx.yml or mcpx.toml, then ./.mcp.json, then mcpx/ with one of the four
// names in the user's directory of configurations (os.UserConfigDir; empty for
// none). A file that is there but cannot be read is found as well: passing over
// it in silence would be worse. The path is empty when there is none; a warning
// names files beside it that do not count.
func Find(cwd, userConfigDir string) (path string, warnings Problems) {
	places := [][]string{within(cwd, fileNames), within(cwd, []string{".mcp.json"})}
	if userConfigDir != "" {
		places = append(places, within(filepath.Join(userConfigDir, "mcpx"), fileNames))
	}
	for _, candidates := range places {
		found := slices.DeleteFunc(candidates, func(path string) bool { return !exists(path) })
		if len(found) == 0 {
			continue
		}
		for _, other := range found[1:] {
			warnings = append(warnings, Problem{
				Severity: SeverityWarning, File: other,
				Message: "is not read: " + found[0] + " stands beside it and counts",
			})
		}
		return found[0], warnings
	}
	return "", nil
}

func within(dir string, names []string) []string {
	var paths []string
	for _, name := range names {
		paths = append(paths, filepath.Join(dir, name))
	}
	return paths
}

func exists(path string) bool {
	info, err := os.Stat(path)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR)
	}
	return !info.IsDir()
}

// readFile reads a configuration, bounded. It opens what it reads, so pipes work too.
func readFile(path string) ([]byte, *syntaxError) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, &syntaxError{nowhere, "is a directory: name the file in it"}
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		if scheme.MatchString(path) {
			return nil, &syntaxError{nowhere, "there is no such file; the URL of a server stands behind --"}
		}
		return nil, &syntaxError{nowhere, "there is no such file"}
	}
	if err != nil {
		return nil, &syntaxError{nowhere, "cannot be read: " + reason(err)}
	}
	defer func() { _ = f.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, &syntaxError{nowhere, "cannot be read: " + reason(err)}
	}
	return data, nil
}

// reason is the error without the path, which stands in front of every problem.
func reason(err error) string {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err.Error()
	}
	return err.Error()
}

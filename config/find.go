package config

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// Find looks for a configuration where none was named: ./mcpx.json,
// ./.mcp.json, and mcpx/mcpx.json in the user's directory of configurations
// (os.UserConfigDir; empty for none). A file that is there but cannot be read
// is found as well: passing over it in silence would be worse.
func Find(cwd, userConfigDir string) (path string, ok bool) {
	places := []string{filepath.Join(cwd, "mcpx.json"), filepath.Join(cwd, ".mcp.json")}
	if userConfigDir != "" {
		places = append(places, filepath.Join(userConfigDir, "mcpx", "mcpx.json"))
	}
	for _, place := range places {
		info, err := os.Stat(place)
		if err == nil && !info.IsDir() || err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.ENOTDIR) {
			return place, true
		}
	}
	return "", false
}

// readFile reads a configuration, bounded. It opens what it reads, so pipes work too.
func readFile(path string) ([]byte, *syntaxError) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, &syntaxError{nowhere, "is a directory: name the file in it"}
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
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

package testkit

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Folder makes a temporary folder whose name begins so. Remove deletes it. A test
// program that is killed removes nothing: folders of that beginning that have no
// owner any more, and are an hour old, are removed by the next one that makes one.
// An owner is known by the lock that it holds on its folder, which the system takes
// from it at its end.
func Folder(beginning string) (dir string, remove func(), err error) {
	for {
		if dir, err = os.MkdirTemp("", beginning); err != nil {
			return "", nil, err
		}
		lock, err := own(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue // somebody took it for one that is nobody's
		case err != nil:
			return "", nil, err
		}
		others, _ := filepath.Glob(filepath.Join(filepath.Dir(dir), beginning+"*")) // fails only for a bad pattern
		for _, other := range others {
			if other != dir {
				removeUnowned(other)
			}
		}
		return dir, func() {
			_ = os.RemoveAll(dir)
			_ = lock.Close()
		}, nil
	}
}

// own locks a folder, which is there then.
func own(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
	if err == nil {
		_, err = os.Stat(dir)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return f, nil
}

// removeUnowned removes a folder that is old, unless somebody owns it.
func removeUnowned(dir string) {
	f, err := os.Open(dir)
	if err != nil {
		return // it has gone meanwhile
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil || time.Since(info.ModTime()) < time.Hour { // an owner of another version may hold no lock
		return
	}
	if syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB) == nil {
		_ = os.RemoveAll(dir) // what cannot be removed is another user's
	}
}

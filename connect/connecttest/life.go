package connecttest

import (
	"context"
	"errors"
	"io/fs"
	"strings"
	"sync"

	"github.com/flott-dev/flott/connect/filesystem"
)

// ErrKilled is what all gives after the end of a Life.
var ErrKilled = errors.New("the process was killed")

// Life is that of a process, up to when it is killed: a number of steps, which are what it changes in file systems.
type Life struct {
	// Steps is how many there are.
	Steps int
	// Effect has the last one take place, without the process knowing. Otherwise it does not, or, of what is written, half.
	Effect bool

	mu   sync.Mutex
	done int
}

// Over reports whether the process was killed.
func (l *Life) Over() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.done >= l.Steps
}

// step takes a step. last says that it is the last one, err that there is none left.
func (l *Life) step() (last bool, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.done >= l.Steps {
		return false, ErrKilled
	}
	l.done++
	return l.done == l.Steps, nil
}

func (l *Life) do(change func() error) error {
	last, err := l.step()
	switch {
	case err != nil:
		return err
	case !last:
		return change()
	case l.Effect:
		_ = change()
	}
	return ErrKilled
}

func look[T any](l *Life, f func() (T, error)) (v T, err error) {
	if l.Over() {
		return v, ErrKilled
	}
	return f()
}

// Of is a file system as the process sees it, whose paths begin with root instead of what they begin with there.
func (l *Life) Of(files filesystem.FileSystem, root, there string) filesystem.FileSystem {
	m := mortalFiles{files, l, root, there}
	if u, ok := files.(filesystem.Uploader); ok {
		return mortalUploader{m, u}
	}
	return m
}

type mortalFiles struct {
	filesystem.FileSystem
	life        *Life
	root, there string
}

func (m mortalFiles) at(path string) string { return m.there + strings.TrimPrefix(path, m.root) }

func (m mortalFiles) Stat(ctx context.Context, path string) (fs.FileInfo, error) {
	return look(m.life, func() (fs.FileInfo, error) { return m.FileSystem.Stat(ctx, m.at(path)) })
}

func (m mortalFiles) ReadDir(ctx context.Context, path string) ([]fs.DirEntry, error) {
	return look(m.life, func() ([]fs.DirEntry, error) { return m.FileSystem.ReadDir(ctx, m.at(path)) })
}

func (m mortalFiles) Glob(ctx context.Context, pattern string) ([]string, error) {
	return filesystem.GlobDirs(ctx, m, pattern)
}

func (m mortalFiles) Open(ctx context.Context, path string) (filesystem.File, error) {
	return look(m.life, func() (filesystem.File, error) { return m.FileSystem.Open(ctx, m.at(path)) })
}

func (m mortalFiles) MkdirAll(ctx context.Context, dir, below string) error {
	return m.life.do(func() error { return m.FileSystem.MkdirAll(ctx, m.at(dir), below) })
}

func (m mortalFiles) Remove(ctx context.Context, path string) error {
	return m.life.do(func() error { return m.FileSystem.Remove(ctx, m.at(path)) })
}

func (m mortalFiles) Create(ctx context.Context, dir, name, hidden string) (w filesystem.Writer, err error) {
	err = m.life.do(func() error {
		w, err = m.FileSystem.Create(ctx, m.at(dir), name, hidden)
		return err
	})
	if err != nil {
		if w != nil {
			_ = w.Close() // as the system does
		}
		return nil, err
	}
	return mortalWriter{w, m.life}, nil
}

func (m mortalFiles) Recover(ctx context.Context, dir string, p filesystem.Pending) (again filesystem.Pending, err error) {
	err = m.life.do(func() error {
		again, err = m.FileSystem.Recover(ctx, m.at(dir), p)
		return err
	})
	return again, err
}

// Commit is a step for each file.
func (m mortalFiles) Commit(ctx context.Context, dir string, files []filesystem.Pending) error {
	for _, p := range files {
		err := m.life.do(func() error { return m.FileSystem.Commit(ctx, m.at(dir), []filesystem.Pending{p}) })
		if err != nil {
			return err
		}
	}
	return nil
}

type mortalUploader struct {
	mortalFiles
	uploader filesystem.Uploader
}

func (m mortalUploader) AbortUploads(ctx context.Context, dir string, stale func(name string) bool) error {
	return m.life.do(func() error { return m.uploader.AbortUploads(ctx, m.at(dir), stale) })
}

type mortalWriter struct {
	filesystem.Writer
	life *Life
}

func (w mortalWriter) Write(b []byte) (int, error) {
	last, err := w.life.step()
	switch {
	case err != nil:
		return 0, err
	case !last:
		return w.Writer.Write(b)
	case !w.life.Effect:
		b = b[:len(b)/2]
	}
	_, _ = w.Writer.Write(b)
	return 0, ErrKilled
}

func (w mortalWriter) Persist() (p filesystem.Pending, err error) {
	err = w.life.do(func() error {
		p, err = w.Writer.Persist()
		return err
	})
	return p, err
}

func (w mortalWriter) Finish() (p filesystem.Pending, err error) {
	err = w.life.do(func() error {
		p, err = w.Writer.Finish()
		return err
	})
	return p, err
}

// Close closes what a system closes of a process that was killed.
func (w mortalWriter) Close() error { return w.Writer.Close() }

// Abort leaves the file of a process that was killed.
func (w mortalWriter) Abort() error {
	if err := w.life.do(w.Writer.Abort); err != nil {
		return errors.Join(err, w.Writer.Close())
	}
	return nil
}

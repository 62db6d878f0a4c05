package hdfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/colinmarc/hdfs/v2"

	"github.com/flott-dev/flott/connect/filesystem"
)

func init() { filesystem.Register("hdfs", open) }

// fileSystem is a cluster as one user sees it.
type fileSystem struct{ *link }

var systems struct {
	sync.Mutex
	byName map[string]fileSystem
}

// open is the file system at hdfs://host:port, the same for all who ask as the same user.
func open(root string) (filesystem.FileSystem, error) {
	o, err := clusterOf(root)
	if err != nil {
		return nil, err
	}
	s := &systems
	s.Lock()
	defer s.Unlock()
	name := fmt.Sprint(root, o.Addresses, o.User)
	f, ok := s.byName[name]
	if !ok {
		if s.byName == nil {
			s.byName = map[string]fileSystem{}
		}
		f = fileSystem{&link{options: o, away: awayMax}}
		s.byName[name] = f
	}
	return f, nil
}

// remote is a path as the NameNode knows it.
func remote(p string) string {
	_, rest := filesystem.Split(p)
	return path.Clean("/" + rest)
}

func (f fileSystem) Stat(ctx context.Context, p string) (info fs.FileInfo, err error) {
	err = f.do(ctx, p, func(c *client) (err error) {
		info, err = c.Stat(remote(p))
		return err
	})
	return info, err
}

func (f fileSystem) ReadDir(ctx context.Context, p string) (entries []fs.DirEntry, err error) {
	err = f.do(ctx, p, func(c *client) error {
		d, err := c.Open(remote(p))
		if err != nil {
			return err
		}
		if !d.Stat().IsDir() {
			return permanent{&fs.PathError{Op: "list", Path: p, Err: syscall.ENOTDIR}}
		}
		infos, err := d.Readdir(0)
		entries = entries[:0]
		for _, info := range infos {
			entries = append(entries, fs.FileInfoToDirEntry(info))
		}
		return err
	})
	return entries, err
}

func (f fileSystem) Glob(ctx context.Context, pattern string) ([]string, error) {
	return filesystem.GlobDirs(ctx, f, pattern)
}

func (f fileSystem) Remove(ctx context.Context, p string) error {
	return f.do(ctx, p, func(c *client) error { return c.Remove(remote(p)) })
}

func (f fileSystem) MkdirAll(ctx context.Context, dir, below string) error {
	p := filesystem.Join(dir, below)
	return f.do(ctx, p, func(c *client) error { return c.MkdirAll(remote(p), 0o755) })
}

// Recover takes a finished file as it is, and makes one of segments.
func (f fileSystem) Recover(ctx context.Context, dir string, p filesystem.Pending) (filesystem.Pending, error) {
	hidden, target, err := placesOf(dir, p)
	if err != nil {
		return p, err
	}
	info, err := f.Stat(ctx, hidden)
	if errors.Is(err, fs.ErrNotExist) {
		return p, f.gone(ctx, p, hidden, target)
	}
	if err != nil {
		return p, err
	}
	written, open := segmentsOf(p.Token)
	if !open {
		if info.Size() != p.Bytes {
			err = fmt.Errorf("%q has %d bytes, but the snapshot knows %d: HDFS has lost data", hidden, info.Size(), p.Bytes)
		}
		return p, err
	}
	end := mergedName()
	p.Token = written.hidden + end
	return p, f.merge(ctx, hidden, written.n, p.Bytes, hidden+end)
}

// gone is why a hidden file is not there.
func (f fileSystem) gone(ctx context.Context, p filesystem.Pending, hidden, target string) error {
	switch _, err := f.Stat(ctx, target); {
	case err == nil:
		return filesystem.Superseded(p.Name)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	return fmt.Errorf("%q, which the snapshot continues, is gone; was it deleted?", hidden)
}

// Commit renames files that are not renamed yet.
func (f fileSystem) Commit(ctx context.Context, dir string, files []filesystem.Pending) error {
	for _, p := range files {
		hidden, target, err := placesOf(dir, p)
		if err != nil {
			return err
		}
		if err := f.do(ctx, target, func(c *client) error { return c.commit(hidden, target) }); err != nil {
			return err
		}
		if written, _, ok := strings.Cut(p.Token, merged); ok {
			if err := f.removeAll(ctx, filesystem.Join(dir, written)); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *client) commit(hidden, target string) error {
	_, hiddenErr := c.Stat(remote(hidden))
	_, targetErr := c.Stat(remote(target))
	for _, err := range []error{hiddenErr, targetErr} {
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	switch {
	case hiddenErr == nil && targetErr == nil:
		return permanent{fmt.Errorf("cannot commit %q: a file of that name exists, which another program or job has written; move it away",
			hidden)}
	case hiddenErr == nil:
		return c.Rename(remote(hidden), remote(target))
	case targetErr == nil: // committed before
		return nil
	}
	return permanent{fmt.Errorf("cannot commit %q: neither it nor the file exists; was it deleted?", hidden)}
}

// placesOf is where a file is written, and where it is to be.
func placesOf(dir string, p filesystem.Pending) (hidden, target string, err error) {
	written, _ := segmentsOf(p.Token)
	if !filepath.IsLocal(written.hidden) || !filepath.IsLocal(p.Name) {
		return "", "", fmt.Errorf("a part in the sink's state is broken: %+v", p)
	}
	return filesystem.Join(dir, written.hidden), filesystem.Join(dir, p.Name), nil
}

// usable refuses files that the client would read, or write, wrongly, and returns the length of blocks of the others.
func usable(info fs.FileInfo) (blockBytes int64, err error) {
	status, ok := info.Sys().(*hdfs.FileStatus)
	switch {
	case !ok:
		err = fmt.Errorf("%s is not described by a NameNode", info.Name())
	case status.GetEcPolicy() != nil:
		err = fmt.Errorf("%s is erasure-coded, which is not supported: use a directory whose files are replicated", info.Name())
	case status.GetFileEncryptionInfo() != nil:
		err = fmt.Errorf("%s is in an encryption zone, which is not supported: use another directory", info.Name())
	}
	return max(1, int64(status.GetBlocksize())), err
}

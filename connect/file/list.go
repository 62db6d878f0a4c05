package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/flott-dev/flott/connect/filesystem"
)

// listed is a file that was found.
type listed struct {
	path    string
	size    int64
	modTime int64
}

// list finds the files, in the order of their paths, each once.
func (c *config) list(ctx context.Context) ([]listed, error) {
	l := lister{cfg: c, found: map[string]listed{}}
	for _, p := range c.patterns {
		if err := l.pattern(ctx, p); err != nil {
			return nil, err
		}
	}
	out := make([]listed, 0, len(l.found))
	for _, f := range l.found {
		out = append(out, f)
	}
	slices.SortFunc(out, func(a, b listed) int { return strings.Compare(a.path, b.path) })
	return out, nil
}

type lister struct {
	cfg   *config
	found map[string]listed
}

func (l *lister) pattern(ctx context.Context, pattern string) error {
	if !filesystem.HasMeta(pattern) {
		return l.named(ctx, pattern)
	}
	paths, err := l.cfg.files.Glob(ctx, pattern)
	if err != nil {
		return fmt.Errorf("file: pattern %q: %w", pattern, err)
	}
	before := len(l.found)
	for _, p := range paths {
		info, err := l.cfg.files.Stat(ctx, p)
		switch {
		case errors.Is(err, fs.ErrNotExist): // gone since
		case err != nil:
			return listError(p, err)
		case hidden(filepath.Base(p)):
		case info.IsDir():
			if err := l.dir(ctx, p); err != nil {
				return err
			}
		default:
			l.add(p, info)
		}
	}
	if len(l.found) == before && !l.cfg.watched && !l.cfg.mayBeEmpty {
		return l.noMatch(ctx, pattern)
	}
	return nil
}

// noMatch tells why a pattern found nothing: filepath.Glob passes over directories that it may not
// read.
func (l *lister) noMatch(ctx context.Context, pattern string) error {
	dir := filesystem.Dir(pattern)
	for filesystem.HasMeta(dir) {
		dir = filesystem.Dir(dir)
	}
	if _, err := l.cfg.files.ReadDir(ctx, dir); err != nil {
		return listError(dir, err)
	}
	return fmt.Errorf("file: no file matches %q%s; names that begin with . or _ do not count", pattern,
		here(pattern))
}

// named adds a file or the files of a directory.
func (l *lister) named(ctx context.Context, path string) error {
	info, err := l.cfg.files.Stat(ctx, path)
	if errors.Is(err, fs.ErrNotExist) && (l.cfg.watched || l.cfg.mayBeEmpty) {
		return nil
	}
	if err != nil {
		return listError(path, err)
	}
	if info.IsDir() {
		return l.dir(ctx, path)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("file: %q is not a regular file (%v)", path, info.Mode())
	}
	l.add(path, info)
	return nil
}

func (l *lister) dir(ctx context.Context, path string) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if err := l.walk(ctx, path); !errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	entries, err := l.cfg.files.ReadDir(ctx, path)
	if err != nil {
		return listError(path, err)
	}
	for _, e := range entries {
		if hidden(e.Name()) || e.IsDir() && !l.cfg.recursive {
			continue
		}
		p := filesystem.Join(path, e.Name())
		info, err := e.Info()
		switch {
		case errors.Is(err, fs.ErrNotExist): // gone since, or a link to nowhere
		case err != nil:
			return listError(p, err)
		case e.IsDir():
			if err := l.dir(ctx, p); err != nil {
				return err
			}
		default:
			l.add(p, info)
		}
	}
	return nil
}

// walk adds what is below a directory, if that can be listed at once.
func (l *lister) walk(ctx context.Context, dir string) error {
	w, ok := l.cfg.files.(filesystem.Walker)
	if !ok || !l.cfg.recursive {
		return errors.ErrUnsupported
	}
	err := w.Walk(ctx, dir, func(path string, info fs.FileInfo) {
		below := strings.TrimPrefix(path, dir)
		if !slices.ContainsFunc(strings.Split(below, "/"), hidden) {
			l.add(path, info)
		}
	})
	if err == nil || errors.Is(err, errors.ErrUnsupported) {
		return err
	}
	return listError(dir, err)
}

// add keeps a regular file that is not empty.
func (l *lister) add(path string, info fs.FileInfo) {
	path = filesystem.Clean(path)
	if info.Mode().IsRegular() && (l.cfg.match == nil || l.cfg.match(path)) {
		l.found[path] = listed{path, info.Size(), info.ModTime().UnixNano()}
	}
}

func hidden(name string) bool {
	return len(name) > 1 && (name[0] == '.' && name != ".." || name[0] == '_')
}

func listError(path string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("file: %q does not exist%s: %w", path, here(path), err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("file: %q may not be read; give the job's user the permission to read (and, "+
			"for a directory, to enter) it: %w", path, err)
	}
	return fmt.Errorf("file: list %q: %w", path, err)
}

// here tells what a relative path is relative to.
func here(path string) string {
	if root, _ := filesystem.Split(path); root != "" || filepath.IsAbs(path) {
		return ""
	}
	wd, err := os.Getwd()
	if err != nil {
		return ""
	}
	return fmt.Sprintf(" in %s", wd)
}

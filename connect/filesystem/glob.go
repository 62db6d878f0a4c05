package filesystem

import (
	"context"
	"errors"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// GlobDirs is Glob by listing directories, for file systems that have nothing better. Directories that do not
// exist have nothing that matches; all other errors are returned.
func GlobDirs(ctx context.Context, files Files, pattern string) ([]string, error) {
	root, rest := Split(pattern)
	if _, err := path.Match(rest, ""); err != nil {
		return nil, err
	}
	found := []string{root}
	if root == "" && strings.HasPrefix(rest, "/") {
		found[0] = "/"
	}
	var literal []string // segments without a pattern, which need not be listed
	segments := strings.Split(strings.Trim(rest, "/"), "/")
	for i, segment := range segments {
		if !HasMeta(segment) {
			literal = append(literal, segment)
			continue
		}
		var next []string
		for _, dir := range found {
			matches, err := match(ctx, files, Join(dir, literal...), segment, i < len(segments)-1)
			if err != nil {
				return nil, err
			}
			next = append(next, matches...)
		}
		found, literal = next, nil
	}
	if literal != nil {
		return existing(ctx, files, found, literal)
	}
	slices.Sort(found)
	return found, nil
}

// HasMeta reports whether a path is a pattern.
func HasMeta(path string) bool { return strings.ContainsAny(path, `*?[`) }

// match finds what is in a directory: all, or what is a directory itself.
func match(ctx context.Context, files Files, dir, segment string, dirs bool) (paths []string, err error) {
	entries, err := files.ReadDir(ctx, dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	for _, e := range entries {
		if ok, _ := path.Match(segment, e.Name()); ok && (!dirs || isDir(e)) {
			paths = append(paths, Join(dir, e.Name()))
		}
	}
	return paths, err
}

func isDir(e fs.DirEntry) bool {
	if e.Type()&fs.ModeSymlink == 0 {
		return e.IsDir()
	}
	info, err := e.Info()
	return err == nil && info.IsDir()
}

func existing(ctx context.Context, files Files, dirs, below []string) (paths []string, err error) {
	for _, dir := range dirs {
		p := Join(dir, below...)
		_, err := files.Stat(ctx, p)
		switch {
		case err == nil:
			paths = append(paths, p)
		case !errors.Is(err, fs.ErrNotExist):
			return nil, err
		}
	}
	slices.Sort(paths)
	return paths, nil
}

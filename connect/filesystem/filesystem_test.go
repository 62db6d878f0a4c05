package filesystem

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestPaths(t *testing.T) {
	Register("there", func(root string) (FileSystem, error) { return other{root: root}, nil })
	for text, want := range map[string]string{
		"a/b":                       "a/b",
		"/a/*.csv":                  "/a/*.csv",
		"a:b":                       "a:b",
		"file:/a%20b":               "/a b",
		"file:///a":                 "/a",
		"file://localhost/a":        "/a",
		"file://host/a":             "! names another machine",
		"file:":                     "! is not a URI",
		"there://host:1/a//b/%2F/?": "there://host:1/a/b/%2F/?",
		"there://host":              "there://host/",
		"there:/a":                  "! write there://host/path",
		"s3a:/a":                    "! names no bucket",
		"s3://b/a":                  `! has no driver for s3://; import _ "github.com/flott-dev/flott/connect/s3"`,
		"gopher://h/a":              "! no driver for gopher:// is registered; there are file://, there://",
	} {
		got, err := Parse(text)
		if bad, ok := strings.CutPrefix(want, "! "); ok {
			if err == nil || !strings.Contains(err.Error(), bad) {
				t.Errorf("%q: %v, want %q", text, err, bad)
			}
		} else if got != want || err != nil {
			t.Errorf("%q is %q, %v; want %q", text, got, err, want)
		}
	}
	for _, tc := range [][2]string{
		{Join("there://h/a", "b", "c"), "there://h/a/b/c"},
		{Join("there://h", "b"), "there://h/b"},
		{Join("a", "b"), "a/b"},
		{Dir("there://h/a/b"), "there://h/a"},
		{Dir("there://h/a"), "there://h/"},
		{Dir("/a/b"), "/a"},
		{Clean("there://h/a/../b/"), "there://h/b"},
	} {
		if tc[0] != tc[1] {
			t.Errorf("got %q, want %q", tc[0], tc[1])
		}
	}
}

// other is a file system whose paths are those of this machine behind its root.
type other struct {
	root string
	FileSystem
}

func (o other) local(path string) string { return strings.TrimPrefix(path, o.root) }

func (o other) Stat(ctx context.Context, path string) (fs.FileInfo, error) {
	return Local.Stat(ctx, o.local(path))
}

func (o other) ReadDir(ctx context.Context, path string) ([]fs.DirEntry, error) {
	return Local.ReadDir(ctx, o.local(path))
}

func (o other) Open(ctx context.Context, path string) (File, error) {
	return Local.Open(ctx, o.local(path))
}

func (o other) Glob(ctx context.Context, pattern string) ([]string, error) {
	return GlobDirs(ctx, o, pattern)
}

// TestAll asks two file systems for the same files.
func TestAll(t *testing.T) {
	opened := 0
	Register("other", func(root string) (FileSystem, error) {
		opened++
		return other{root: root}, nil
	})
	dir, ctx, files := t.TempDir(), t.Context(), All()
	for _, name := range []string{"a/x.csv", "a/y.csv", "b/x.csv", "b/c/x.csv", "d.csv"} {
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o777), os.WriteFile(path, []byte(name), 0o666)); err != nil {
			t.Fatal(err)
		}
	}
	for _, pattern := range []string{"*", "*/x.csv", "*/*", "a/*.csv", "*/c/x*", "[ab]/?.csv", "no/*", "*/no", "a/x.csv", "b/[", "*/[x.csv"} {
		want, wantErr := files.Glob(ctx, filepath.Join(dir, pattern))
		got, err := files.Glob(ctx, "other://h"+filepath.Join(dir, pattern))
		for i := range got {
			got[i] = strings.TrimPrefix(got[i], "other://h")
		}
		if !slices.Equal(got, want) || (err == nil) != (wantErr == nil) {
			t.Errorf("%q: %q, %v; want %q, %v", pattern, got, err, want, wantErr)
		}
	}
	path := "other://h" + filepath.Join(dir, "a/x.csv")
	if info, err := files.Stat(ctx, path); err != nil || info.Size() != 7 {
		t.Error(info, err)
	}
	if entries, err := files.ReadDir(ctx, Dir(path)); err != nil || len(entries) != 2 {
		t.Error(entries, err)
	}
	f, err := files.Open(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if opened != 1 {
		t.Errorf("the file system was opened %d times", opened)
	}
	for _, err := range []error{
		func() error { _, err := files.Stat(ctx, "nowhere://h/a"); return err }(),
		func() error { _, err := files.ReadDir(ctx, "nowhere://h/a"); return err }(),
		func() error { _, err := files.Glob(ctx, "nowhere://h/a"); return err }(),
		func() error { _, err := files.Open(ctx, "nowhere://h/a"); return err }(),
	} {
		if err == nil || !strings.Contains(err.Error(), "no driver for nowhere://") {
			t.Errorf("without a driver: %v", err)
		}
	}
}

// TestRenameFails keeps the file for another try.
func TestRenameFails(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	w, err := Local.Create(ctx, dir, "a", ".a")
	if err != nil {
		t.Fatal(err)
	}
	p, err := w.Finish()
	if err != nil {
		t.Fatal(err)
	}
	busy := local{rename: func(string, string) error { return errors.New("busy") }}
	if err := busy.Commit(ctx, dir, []Pending{p}); err == nil || err.Error() != "commit: busy" {
		t.Error(err)
	}
	if err := Local.Commit(ctx, dir, []Pending{p}); err != nil {
		t.Error(err)
	}
}

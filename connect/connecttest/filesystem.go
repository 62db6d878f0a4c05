package connecttest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/flott-dev/flott/connect/filesystem"
)

// FileSystemOptions say what FileSystem tests.
type FileSystemOptions struct {
	// Open opens the file system anew, as another process does.
	Open func(t *testing.T) filesystem.FileSystem
	// Dir makes an empty directory, or names one that can be made.
	Dir func(t *testing.T) string
	// Lengths are those of the files that are written. The default is a few bytes and some KiB; systems
	// that write in parts want more than one.
	Lengths []int
}

// FileSystem checks that a driver keeps the contract of package filesystem.
func FileSystem(t *testing.T, o FileSystemOptions) {
	t.Helper()
	if o.Lengths == nil {
		o.Lengths = []int{1, 70_000}
	}
	t.Run("reading", func(t *testing.T) { newFiles(t, o).reading() })
	t.Run("taken", func(t *testing.T) { newFiles(t, o).taken() })
	t.Run("abort", func(t *testing.T) { newFiles(t, o).abort() })
	t.Run("other name", func(t *testing.T) { newFiles(t, o).otherName() })
	for _, n := range o.Lengths {
		t.Run(fmt.Sprint("finish ", n), func(t *testing.T) { newFiles(t, o).finish(n) })
		t.Run(fmt.Sprint("recover ", n), func(t *testing.T) { newFiles(t, o).recover(n) })
	}
}

// files is a file system under test, and a directory.
type files struct {
	filesystem.FileSystem
	t    *testing.T
	ctx  context.Context
	open func(t *testing.T) filesystem.FileSystem
	dir  string
}

func newFiles(t *testing.T, o FileSystemOptions) *files {
	return &files{o.Open(t), t, context.Background(), o.Open, o.Dir(t)}
}

func (f *files) must(doing string, err error) {
	f.t.Helper()
	must(f.t, doing, err)
}

func (f *files) wantIs(doing string, err, want error) {
	f.t.Helper()
	if !errors.Is(err, want) {
		f.t.Errorf("%s: %v, want an error that is %q", doing, err, want)
	}
}

// create begins a file, of which the hidden name is made as the sink does.
func (f *files) create(name string) filesystem.Writer {
	f.t.Helper()
	f.must("make a directory", f.MkdirAll(f.ctx, f.dir, path.Dir(name)))
	w, err := f.Create(f.ctx, f.dir, name, "."+path.Base(name)+".inprogress")
	f.must("create "+name, err)
	return w
}

func (f *files) write(w filesystem.Writer, content []byte) {
	f.t.Helper()
	for len(content) > 0 {
		n, err := w.Write(content[:min(len(content), 1<<16)])
		f.must("write", err)
		content = content[n:]
	}
}

// put writes a whole file.
func (f *files) put(name, content string) {
	f.t.Helper()
	w := f.create(name)
	f.write(w, []byte(content))
	p, err := w.Finish()
	f.must("finish", err)
	f.must("close", w.Close())
	f.must("commit", f.Commit(f.ctx, f.dir, []filesystem.Pending{p}))
}

// content is what a file holds, "" if it is not there.
func (f *files) content(name string) []byte {
	f.t.Helper()
	file, err := f.Open(f.ctx, filesystem.Join(f.dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	f.must("open", err)
	defer file.Close()
	b, err := io.ReadAll(file)
	f.must("read", err)
	return b
}

// visible are the names in a directory that are not hidden; directories end with a slash.
func (f *files) visible(dir string) string {
	f.t.Helper()
	entries, err := f.ReadDir(f.ctx, filesystem.Join(f.dir, dir))
	if errors.Is(err, fs.ErrNotExist) {
		return ""
	}
	f.must("list", err)
	var names []string
	for _, e := range entries {
		info, err := e.Info()
		f.must("describe", err)
		if info.IsDir() != e.IsDir() || info.Name() != e.Name() {
			f.t.Errorf("the entry %s has the info %s", e, info.Name())
		}
		switch {
		case strings.HasPrefix(e.Name(), "."):
		case e.IsDir():
			names = append(names, e.Name()+"/")
		default:
			names = append(names, e.Name())
		}
	}
	return strings.Join(names, " ")
}

func (f *files) reading() {
	ctx, t := f.ctx, f.t
	at := func(name string) string { return filesystem.Join(f.dir, name) }
	for _, missing := range []string{"x", "x/y", "a/b.csv"} {
		_, err := f.Stat(ctx, at(missing))
		f.wantIs("stat what is not there", err, fs.ErrNotExist)
		_, err = f.Open(ctx, at(missing))
		f.wantIs("open what is not there", err, fs.ErrNotExist)
		_, err = f.ReadDir(ctx, at(missing))
		f.wantIs("list what is not there", err, fs.ErrNotExist)
	}
	for _, name := range []string{"b.csv", "a/b.csv", "a/p=1%2F2/c d.json", "a.b"} {
		f.put(name, "content of "+name)
	}
	for dir, want := range map[string]string{".": "a/ a.b b.csv", "a": "b.csv p=1%2F2/", "a/p=1%2F2": "c d.json"} {
		if got := f.visible(dir); got != want {
			t.Errorf("%s has %q, want %q", dir, got, want)
		}
	}
	info, err := f.Stat(ctx, at("a/b.csv"))
	f.must("stat", err)
	if info.Size() != 18 || info.Name() != "b.csv" || !info.Mode().IsRegular() || info.ModTime().IsZero() {
		t.Errorf("the file is %v", info)
	}
	if info, err = f.Stat(ctx, at("a")); err != nil || !info.IsDir() || info.Name() != "a" {
		t.Errorf("the directory is %v, %v", info, err)
	}
	for pattern, want := range map[string]string{
		"*.csv": "b.csv", "*/*": "a/b.csv a/p=1%2F2", "a/*/c*": "a/p=1%2F2/c d.json", "[ab].?sv": "b.csv",
		"x/*": "", "a/b.csv": "a/b.csv", "*/x": "",
	} {
		paths, err := f.Glob(ctx, at(pattern))
		for i := range paths {
			paths[i] = strings.TrimPrefix(strings.TrimPrefix(paths[i], f.dir), "/")
		}
		if got := strings.Join(paths, " "); got != want || err != nil {
			t.Errorf("%q matches %q, %v; want %q", pattern, got, err, want)
		}
	}
	f.walking()
	f.seeking(at("b.csv"))
	f.must("remove", f.Remove(ctx, at("b.csv")))
	f.wantIs("open a removed file", func() error { _, err := f.Open(ctx, at("b.csv")); return err }(), fs.ErrNotExist)
}

// walking lists the tree at once, where that can be done.
func (f *files) walking() {
	f.t.Helper()
	w, ok := f.FileSystem.(filesystem.Walker)
	if !ok {
		return
	}
	var got []string
	f.must("walk", w.Walk(f.ctx, f.dir, func(path string, info fs.FileInfo) {
		same, err := f.Stat(f.ctx, path)
		f.must("stat what was found", err)
		if same.Size() != info.Size() || same.Name() != info.Name() {
			f.t.Errorf("%s is %v, and was found as %v", path, same, info)
		}
		got = append(got, strings.TrimPrefix(path, f.dir+"/"))
	}))
	slices.Sort(got)
	if want := []string{"a.b", "a/b.csv", "a/p=1%2F2/c d.json", "b.csv"}; !slices.Equal(got, want) {
		f.t.Errorf("below the directory are %q, want %q", got, want)
	}
	f.wantIs("walk where nothing is", w.Walk(f.ctx, f.dir+"/no", nil), fs.ErrNotExist)
}

func (f *files) seeking(path string) {
	f.t.Helper()
	file, err := f.Open(f.ctx, path)
	f.must("open", err)
	defer file.Close()
	if info, err := file.Stat(); err != nil || info.Size() != 16 {
		f.t.Errorf("the open file is %v, %v", info, err)
	}
	for _, from := range []int64{11, 0, 16, 3} {
		_, err := file.Seek(from, io.SeekStart)
		f.must("seek", err)
		b, err := io.ReadAll(file)
		if want := "content of b.csv"[from:]; string(b) != want || err != nil {
			f.t.Errorf("from %d on: %q, %v; want %q", from, b, err, want)
		}
	}
	at, ok := file.(io.ReaderAt)
	if !ok {
		return
	}
	b := make([]byte, 7)
	if n, err := at.ReadAt(b, 8); n != 7 || (err != nil && err != io.EOF) || string(b) != "of b.cs" {
		f.t.Errorf("at 8: %d, %q, %v", n, b, err)
	}
	if n, err := at.ReadAt(b, 12); n != 4 || err != io.EOF || string(b[:n]) != ".csv" {
		f.t.Errorf("at 12: %d, %q, %v", n, b[:n], err)
	}
}

// taken begins files whose names are not free.
func (f *files) taken() {
	if _, ok := f.FileSystem.(filesystem.Uploader); ok {
		return
	}
	f.put("a", "1")
	_, err := f.Create(f.ctx, f.dir, "a", ".other")
	f.wantIs("create a file that there is", err, fs.ErrExist)
	w := f.create("b")
	_, err = f.Create(f.ctx, f.dir, "b", ".b.inprogress")
	f.wantIs("create a file that is written", err, fs.ErrExist)
	f.write(w, []byte("mine"))
	p, err := w.Finish()
	f.must("finish", err)
	other, err := f.Create(f.ctx, f.dir, "b", ".b.other")
	f.must("create", err)
	q, err := other.Finish()
	f.must("finish", err)
	f.must("commit", f.Commit(f.ctx, f.dir, []filesystem.Pending{p}))
	if err := f.Commit(f.ctx, f.dir, []filesystem.Pending{q}); err == nil {
		f.t.Error("a file is committed over another")
	}
	if got := f.content("b"); string(got) != "mine" {
		f.t.Errorf("the file is %q", got)
	}
}

// otherName commits a file under a hidden name, and one that was persisted before, under another one than it was created for.
func (f *files) otherName() {
	if _, ok := f.FileSystem.(filesystem.Uploader); ok {
		return
	}
	for _, name := range []string{".hidden", "visible"} {
		w := f.create("d/a")
		f.write(w, []byte("so"))
		_, err := w.Persist()
		f.must("persist", err)
		f.write(w, []byte("me"))
		p, err := w.Finish()
		f.must("finish", err)
		f.must("close", w.Close())
		p.Name = "d/" + name
		for range 2 {
			f.must("commit", f.Commit(f.ctx, f.dir, []filesystem.Pending{p}))
			if got := f.content(p.Name); string(got) != "some" {
				f.t.Errorf("%s has %q", p.Name, got)
			}
		}
	}
	if got := f.visible("d"); got != "visible" {
		f.t.Errorf("visible are %s", got)
	}
}

// abort gives up a file while it is written, and one that is finished.
func (f *files) abort() {
	for _, finished := range []bool{false, true} {
		w := f.create("a")
		f.write(w, []byte("some"))
		p, err := w.Persist()
		f.must("persist", err)
		if finished {
			p, err = w.Finish()
			f.must("finish", err)
		}
		f.must("abort", w.Abort())
		if _, ok := f.FileSystem.(filesystem.Uploader); !ok { // a token may have all of an object
			if err := f.Commit(f.ctx, f.dir, []filesystem.Pending{p}); err == nil {
				f.t.Error("a file that was given up is committed")
			}
		}
		if got := f.visible("."); got != "" {
			f.t.Errorf("visible are %s", got)
		}
	}
	entries, err := f.ReadDir(f.ctx, f.dir)
	if (err != nil && !errors.Is(err, fs.ErrNotExist)) || len(entries) > 0 {
		f.t.Errorf("left are %v, %v", entries, err)
	}
}

// bytesOf makes content in which each place is unlike others.
func bytesOf(n int) []byte {
	var b []byte
	for i := 0; len(b) < n; i++ {
		b = fmt.Appendf(b, "%d,", i)
	}
	return b[:n]
}

// finish writes a file to its end, while it is persisted several times, and has another process commit it.
func (f *files) finish(n int) {
	content := bytesOf(n)
	w := f.create("d/a")
	for at := range slices.Chunk(content, n/3+1) {
		f.write(w, at)
		_, err := w.Persist()
		f.must("persist", err)
	}
	p, err := w.Finish()
	f.must("finish", err)
	f.must("close", w.Close())
	if p.Name != "d/a" || p.Bytes != int64(n) {
		f.t.Errorf("%s of %d bytes is pending", p.Name, p.Bytes)
	}
	if got := f.visible("d"); got != "" {
		f.t.Errorf("before the commit %s is visible", got)
	}
	f.FileSystem = f.open(f.t)
	if p, err = f.Recover(f.ctx, f.dir, p); err != nil { // a snapshot may have finished ones as well
		f.t.Fatal(err)
	}
	for range 2 {
		f.must("commit", f.Commit(f.ctx, f.dir, []filesystem.Pending{p}))
		if got := f.content("d/a"); !bytes.Equal(got, content) {
			f.t.Errorf("%d bytes are visible, not the %d that were written", len(got), n)
		}
	}
	f.must("remove", f.Remove(f.ctx, filesystem.Join(f.dir, "d/a")))
}

// recover goes back to what was persisted in the middle.
func (f *files) recover(n int) {
	content := bytesOf(2 * n)
	w := f.create("d/a")
	f.write(w, content[:n])
	p, err := w.Persist()
	f.must("persist", err)
	f.write(w, content[n:])
	later, err := w.Persist()
	f.must("persist", err)
	f.must("close", w.Close())

	f.FileSystem = f.open(f.t)
	var again filesystem.Pending
	for range 2 {
		again, err = f.Recover(f.ctx, f.dir, p)
		f.must("recover", err)
	}
	if again.Name != p.Name || again.Bytes != int64(n) {
		f.t.Errorf("recovered: %s of %d bytes", again.Name, again.Bytes)
	}
	for range 2 {
		f.must("commit", f.Commit(f.ctx, f.dir, []filesystem.Pending{again}))
		if got := f.content("d/a"); !bytes.Equal(got, content[:n]) {
			f.t.Errorf("%d bytes are visible, not the first %d", len(got), n)
		}
	}
	if _, err := f.Recover(f.ctx, f.dir, later); err == nil || !strings.Contains(err.Error(), "older than the output") {
		f.t.Errorf("what is committed is recovered: %v", err)
	}
	f.must("remove", f.Remove(f.ctx, filesystem.Join(f.dir, "d/a")))
	_, all := f.FileSystem.(filesystem.Uploader) // whose token may have all of a file
	if _, err := f.Recover(f.ctx, f.dir, later); err == nil && !all {
		f.t.Error("what is gone is recovered")
	}
}

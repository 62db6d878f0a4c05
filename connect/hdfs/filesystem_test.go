package hdfs

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect/connecttest"
	"github.com/flott-dev/flott/connect/file"
	"github.com/flott-dev/flott/connect/filesystem"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/format/json"
	"github.com/flott-dev/flott/format/parquet"
	"github.com/flott-dev/flott/internal/servertest"
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(writerVariable); dir != "" {
		writeNumbers(dir)
		return
	}
	servertest.Main(m)
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t testing.TB, err error, texts ...string) {
	t.Helper()
	for _, text := range texts {
		if err == nil || !strings.Contains(err.Error(), text) {
			t.Errorf("the error is %v, want it to contain %q", err, text)
		}
	}
}

// newDir makes a directory of the test's own on the cluster, for the user flott.
func newDir(t testing.TB) (s *servertest.HDFSCluster, dir string) {
	t.Helper()
	s = servertest.HDFS(t)
	t.Setenv("HADOOP_USER_NAME", "flott")
	dir = fmt.Sprintf("hdfs://%s/%s-%x", s.Address, strings.ReplaceAll(t.Name(), "/", "-"), rand.Uint32())
	f := system(t, dir)
	must(t, f.MkdirAll(t.Context(), dir, ""))
	return s, dir
}

// system is the file system of a directory with a connection of its own, as another process has it.
func system(t testing.TB, dir string) fileSystem {
	t.Helper()
	root, _ := filesystem.Split(dir)
	o, err := clusterOf(root)
	must(t, err)
	f := fileSystem{&link{options: o, away: 20 * time.Second}}
	t.Cleanup(func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.mu.now != nil && f.mu.now.users > 0 {
			t.Errorf("%d users have not released the connection", f.mu.now.users)
		}
	})
	return f
}

func begin(t testing.TB, f fileSystem, dir, name string) *writer {
	t.Helper()
	w, err := f.Create(t.Context(), dir, name, "."+filepath.Base(name)+".0")
	must(t, err)
	t.Cleanup(func() { must(t, w.Close()) })
	return w.(*writer)
}

func write(t testing.TB, w io.Writer, text []byte) {
	t.Helper()
	if n, err := w.Write(text); err != nil || n != len(text) {
		t.Fatalf("%d of %d bytes, %v", n, len(text), err)
	}
}

func content(t testing.TB, f fileSystem, path string) []byte {
	t.Helper()
	r, err := f.Open(t.Context(), path)
	must(t, err)
	defer r.Close()
	b, err := io.ReadAll(r)
	must(t, err)
	return b
}

func names(t testing.TB, f fileSystem, dir string) string {
	t.Helper()
	entries, err := f.ReadDir(t.Context(), dir)
	must(t, err)
	var all []string
	for _, e := range entries {
		all = append(all, e.Name())
	}
	return strings.Join(all, " ")
}

// noise is bytes that do not repeat.
func noise(n int) []byte {
	b := make([]byte, n)
	r := rand.NewChaCha8([32]byte{1})
	_, _ = r.Read(b)
	return b
}

func TestFileSystem(t *testing.T) {
	connecttest.FileSystem(t, connecttest.FileSystemOptions{
		Open: func(t *testing.T) filesystem.FileSystem {
			_, dir := newDir(t)
			return system(t, dir)
		},
		Dir:     func(t *testing.T) string { _, dir := newDir(t); return dir },
		Lengths: []int{1, 700_000},
	})
}

func TestMerging(t *testing.T) {
	for _, f := range []format.Factory{json.Factory, parquet.Factory} {
		t.Run(f.Name, func(t *testing.T) {
			connecttest.Merging(t, connecttest.FileSystemOptions{
				Open: func(t *testing.T) filesystem.FileSystem {
					_, dir := newDir(t)
					return system(t, dir)
				},
				Dir: func(t *testing.T) string { _, dir := newDir(t); return dir },
			}, connecttest.MergingTable(t, file.Table, f))
		})
	}
}

// TestFiles writes a file of several blocks, with pauses at odd places, and reads it in several ways.
func TestFiles(t *testing.T) {
	_, dir := newDir(t)
	f, want := system(t, dir), noise(3<<20-77)
	must(t, f.MkdirAll(t.Context(), dir, "a/b"))
	must(t, f.MkdirAll(t.Context(), dir, "a/b"))
	w := begin(t, f, dir, "a/b/part")
	from := 0
	for _, to := range []int{0, 1, 511, 512, 1 << 20, 1<<20 + 100, 1<<20 + 100, 2<<20 + 5, len(want)} {
		write(t, w, want[from:to])
		p, err := w.Persist()
		if err != nil || p.Bytes != int64(to) {
			t.Fatalf("%+v, %v; want %d bytes", p, err, to)
		}
		from = to
	}
	p, err := w.Finish()
	must(t, err)
	if got := names(t, f, dir+"/a/b"); slices.ContainsFunc(strings.Fields(got), func(s string) bool { return s[0] != '.' }) {
		t.Errorf("before the commit there is %s", got)
	}
	for range 2 {
		must(t, f.Commit(t.Context(), dir, []filesystem.Pending{p}))
	}
	if got := names(t, f, dir+"/a/b"); got != "part" {
		t.Errorf("after the commit there is %s", got)
	}
	path := dir + "/a/b/part"
	if got := content(t, f, path); !bytes.Equal(got, want) {
		t.Errorf("%d bytes are read, other than the %d that were written", len(got), len(want))
	}
	info, err := f.Stat(t.Context(), path)
	if err != nil || info.Size() != int64(len(want)) || !info.Mode().IsRegular() || time.Since(info.ModTime()).Abs() > time.Hour {
		t.Errorf("%v, %v", info, err)
	}
	r, err := f.Open(t.Context(), path)
	must(t, err)
	defer r.Close()
	for _, at := range []int64{2<<20 - 3, 5, 6, 0, 1 << 20, int64(len(want)) - 8} {
		b := make([]byte, 8)
		if _, err := r.Seek(at, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(r, b); err != nil || !bytes.Equal(b, want[at:at+8]) {
			t.Errorf("at %d: % x, %v", at, b, err)
		}
	}
	if _, err := r.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("behind the end: %v", err)
	}
	for pattern, want := range map[string]string{"/a/*/p*": path, "/a/[b]/part": path, "/x/*": "", "/*/c/part": ""} {
		if got, err := f.Glob(t.Context(), dir+pattern); err != nil || strings.Join(got, " ") != want {
			t.Errorf("%s: %v, %v", pattern, got, err)
		}
	}
	// Names that are taken.
	for _, tc := range [][2]string{{"a/b/part", ".new"}, {"a/b/new", "part"}} {
		if _, err := f.Create(t.Context(), dir, tc[0], tc[1]); !errors.Is(err, fs.ErrExist) {
			t.Errorf("create %v: %v", tc, err)
		}
	}
	w = begin(t, f, dir, "a/b/given-up")
	write(t, w, want[:100])
	must(t, w.Abort())
	if got := names(t, f, dir+"/a/b"); got != "part" {
		t.Errorf("files that were given up are left: %s", got)
	}
	_, err = f.ReadDir(t.Context(), path)
	wantError(t, err, path, "not a directory")
	_, err = f.Open(t.Context(), dir)
	wantError(t, err, dir, "is a directory")
	must(t, f.Remove(t.Context(), path))
	for what, err := range map[string]error{
		"remove": f.Remove(t.Context(), path),
		"stat":   func() error { _, err := f.Stat(t.Context(), path); return err }(),
		"open":   func() error { _, err := f.Open(t.Context(), path); return err }(),
		"list":   func() error { _, err := f.ReadDir(t.Context(), dir+"/x"); return err }(),
		"create": func() error { _, err := f.Create(t.Context(), dir, "x/y", ".y"); return err }(),
	} {
		if !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestRecover takes files up that a writer which is gone, or seems so, has left in various states.
func TestRecover(t *testing.T) {
	_, dir := newDir(t)
	all := noise(2 << 20)
	for _, tc := range []struct {
		name            string
		persisted, more int
		finished        bool
	}{
		{"nothing", 0, 0, false},
		{"nothing, then more", 0, 100, false},
		{"closed", 100, 0, false},
		{"open in its first block", 100, 1000, false},
		{"open in a later block", 100, 1<<20 + 100, false},
		{"at the end of a block", 1 << 20, 70_000, false},
		{"finished", 1 << 19, 0, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			dead, alive := system(t, dir), system(t, dir)
			dir := filesystem.Join(dir, strings.ReplaceAll(tc.name, " ", ""))
			must(t, alive.MkdirAll(t.Context(), dir, ""))
			w := begin(t, dead, dir, "part")
			write(t, w, all[:tc.persisted])
			p, err := w.Persist()
			must(t, err)
			if tc.more > 0 {
				write(t, w, all[tc.persisted:tc.persisted+tc.more])
				must(t, w.out.Flush())
			}
			if tc.finished {
				p, err = w.Finish()
				must(t, err)
			}
			_, err = alive.Recover(t.Context(), dir, p) // by an attempt that ends then
			must(t, err)
			got, err := alive.Recover(t.Context(), dir, p)
			must(t, err)
			if tc.finished != (got.Token == p.Token) {
				t.Errorf("%+v became %+v", p, got)
			}
			for range 2 {
				must(t, alive.Commit(t.Context(), dir, []filesystem.Pending{got}))
			}
			if tc.more > 0 { // the writer was not dead
				_, err = w.Write(all)
				if err == nil {
					_, err = w.Persist()
				}
				if err == nil {
					t.Error("a writer goes on after its file was taken up and committed")
				}
			}
			if got := names(t, alive, dir); got != "part" {
				t.Errorf("there is %s", got)
			}
			if got := content(t, alive, dir+"/part"); !bytes.Equal(got, all[:tc.persisted]) {
				t.Errorf("%d bytes, want %d", len(got), tc.persisted)
			}
			_, err = alive.Recover(t.Context(), dir, p)
			wantError(t, err, "the snapshot is older than the output")
		})
	}
	f := system(t, dir)
	w := begin(t, f, dir, "cut")
	write(t, w, all[:10])
	p, err := w.Finish()
	must(t, err)
	p.Bytes = 11
	_, err = f.Recover(t.Context(), dir, p)
	wantError(t, err, dir, "has 10 bytes, but the snapshot knows 11")
	other := begin(t, f, dir, "taken")
	q, err := other.Finish()
	must(t, err)
	must(t, f.Commit(t.Context(), dir, []filesystem.Pending{{Name: "taken", Token: p.Token}}))
	wantError(t, f.Commit(t.Context(), dir, []filesystem.Pending{q}), dir+"/taken", "move it away")
	must(t, f.Remove(t.Context(), dir+"/.taken.0"))
	_, err = f.Recover(t.Context(), dir, filesystem.Pending{Name: "x", Token: ".x"})
	wantError(t, err, dir+"/.x", "was it deleted?")
	wantError(t, f.Commit(t.Context(), dir, []filesystem.Pending{{Name: "x", Token: ".x"}}), dir+"/x", "was it deleted?")
	for _, p := range []filesystem.Pending{{Name: "../x", Token: ".x"}, {Name: "x", Token: segments{"/x", 1}.token()}} {
		_, err := f.Recover(t.Context(), dir, p)
		wantError(t, err, "broken")
		wantError(t, f.Commit(t.Context(), dir, []filesystem.Pending{p}), "broken")
	}
}

// TestDenied: the error names the path, the user and the way to be another.
func TestDenied(t *testing.T) {
	_, dir := newDir(t)
	w := begin(t, system(t, dir), dir, "part")
	_, err := w.Finish()
	must(t, err)
	must(t, system(t, dir).do(t.Context(), dir, func(c *client) error { return c.Chmod(remote(dir), 0o700) }))
	t.Setenv("HADOOP_USER_NAME", "somebody")
	f := system(t, dir)
	for what, err := range map[string]error{
		"stat":   func() error { _, err := f.Stat(t.Context(), dir+"/part"); return err }(),
		"open":   func() error { _, err := f.Open(t.Context(), dir+"/.part.0"); return err }(),
		"list":   func() error { _, err := f.ReadDir(t.Context(), dir); return err }(),
		"create": func() error { _, err := f.Create(t.Context(), dir, "y", ".y"); return err }(),
		"mkdir":  f.MkdirAll(t.Context(), dir, "d"),
		"remove": f.Remove(t.Context(), dir+"/.part.0"),
		"commit": f.Commit(t.Context(), dir, []filesystem.Pending{{Name: "part", Token: ".part.0"}}),
	} {
		if !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s: %v", what, err)
		}
		wantError(t, err, dir, `"somebody"`, "HADOOP_USER_NAME")
	}
}

// TestNameNodeAway stops the NameNode while a file is open, and has it come back.
func TestNameNodeAway(t *testing.T) {
	s, dir := newDir(t)
	f, impatient, text := system(t, dir), system(t, dir), noise(200_000)
	w := begin(t, f, dir, "part")
	write(t, w, text[:100_000])
	r, err := f.Open(t.Context(), dir+"/.part.0")
	must(t, err)
	defer r.Close()
	s.StopNameNode(t)
	impatient.away = 20 * time.Millisecond
	_, err = impatient.Stat(t.Context(), dir)
	wantError(t, err, dir, s.Address, "HDFS does not answer")
	ctx, cancel := context.WithCancelCause(t.Context())
	enough := errors.New("enough")
	time.AfterFunc(10*time.Millisecond, func() { cancel(enough) })
	if _, err = f.Stat(ctx, dir); !errors.Is(err, enough) {
		t.Errorf("cancelled: %v", err)
	}
	write(t, w, text[100_000:])
	listed := make(chan error)
	go func() {
		_, err := f.ReadDir(t.Context(), dir)
		listed <- err
	}()
	s.StartNameNode(t)
	must(t, <-listed)
	p, err := w.Finish()
	must(t, err)
	must(t, f.Commit(t.Context(), dir, []filesystem.Pending{p}))
	if got := content(t, f, dir+"/part"); !bytes.Equal(got, text) {
		t.Errorf("%d bytes, want %d", len(got), len(text))
	}
	w = begin(t, f, dir, "new") // as soon as there are DataNodes
	write(t, w, text)
	_, err = w.Finish()
	must(t, err)
	s.Wait(t)
}

// TestDataNodeAway: what is read comes from the other one. What is written fails, and is written anew.
func TestDataNodeAway(t *testing.T) {
	s, dir := newDir(t)
	f, text := system(t, dir), noise(1_500_000)
	w := begin(t, f, dir, "part")
	write(t, w, text)
	p, err := w.Finish()
	must(t, err)
	must(t, f.Commit(t.Context(), dir, []filesystem.Pending{p}))
	r, err := f.Open(t.Context(), dir+"/part")
	must(t, err)
	defer r.Close()
	got := make([]byte, len(text))
	_, err = io.ReadFull(r, got[:100])
	must(t, err)

	w = begin(t, f, dir, "broken")
	write(t, w, text[:1000])
	p, err = w.Persist()
	must(t, err)
	write(t, w, text[1000:300_000])
	s.StopDataNode(t)
	_, err = io.ReadFull(r, got[100:])
	must(t, err)
	if !bytes.Equal(got, text) {
		t.Error("other bytes are read of the other DataNode")
	}
	if _, err = w.Write(text[300_000:]); err == nil {
		_, err = w.Persist()
	}
	wantError(t, err, dir+"/.broken.0", "DataNode")
	if _, again := w.Write(text); again == nil {
		t.Error("a writer goes on after a failure")
	}
	must(t, w.Close())
	s.StartDataNode(t)
	p, err = f.Recover(t.Context(), dir, p)
	must(t, err)
	must(t, f.Commit(t.Context(), dir, []filesystem.Pending{p}))
	if got := content(t, f, dir+"/broken"); !bytes.Equal(got, text[:1000]) {
		t.Errorf("%d bytes, want 1000", len(got))
	}
}

func TestClusters(t *testing.T) {
	conf := t.TempDir()
	site := func(name string, values map[string]string) {
		var b strings.Builder
		b.WriteString("<configuration>")
		for k, v := range values {
			fmt.Fprintf(&b, "<property><name>%s</name><value>%s</value></property>", k, v)
		}
		b.WriteString("</configuration>")
		must(t, os.WriteFile(filepath.Join(conf, name), []byte(b.String()), 0o666))
	}
	site("hdfs-site.xml", map[string]string{
		"dfs.ha.namenodes.pair": "a, b", "dfs.namenode.rpc-address.pair.a": "h1:1", "dfs.namenode.rpc-address.pair.b": "h2:2",
		"dfs.ha.namenodes.half": "a",
	})
	t.Setenv("HADOOP_CONF_DIR", conf)
	for root, want := range map[string]string{
		"hdfs://h:1": "h:1", "hdfs://h": "h:8020", "hdfs://[::1]": "[::1]:8020", "hdfs://pair": "h1:1,h2:2",
		"hdfs://half": "! no dfs.namenode.rpc-address.half.a",
	} {
		o, err := clusterOf(root)
		if bad, ok := strings.CutPrefix(want, "! "); ok {
			wantError(t, err, bad)
		} else if err != nil || strings.Join(o.Addresses, ",") != want {
			t.Errorf("%s: %v, %v", root, o.Addresses, err)
		}
	}
	site("core-site.xml", map[string]string{"hadoop.security.authentication": "kerberos"})
	_, err := clusterOf("hdfs://h")
	wantError(t, err, "kerberos")
	must(t, os.WriteFile(filepath.Join(conf, "core-site.xml"), []byte("<"), 0o666))
	_, err = clusterOf("hdfs://h")
	wantError(t, err, "HADOOP_CONF_DIR")
}

// TestNameservice: of two NameNodes one does not run.
func TestNameservice(t *testing.T) {
	s, dir := newDir(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	must(t, l.Close())
	conf := t.TempDir()
	must(t, os.WriteFile(filepath.Join(conf, "hdfs-site.xml"), []byte(fmt.Sprintf(`<configuration>
<property><name>dfs.ha.namenodes.pair</name><value>a,b</value></property>
<property><name>dfs.namenode.rpc-address.pair.a</name><value>%s</value></property>
<property><name>dfs.namenode.rpc-address.pair.b</name><value>%s</value></property></configuration>`, l.Addr(), s.Address)), 0o666))
	t.Setenv("HADOOP_CONF_DIR", conf)
	f, err := filesystem.For("hdfs://pair/x")
	must(t, err)
	entries, err := f.ReadDir(t.Context(), "hdfs://pair/")
	must(t, err)
	if !slices.ContainsFunc(entries, func(e fs.DirEntry) bool { return strings.HasSuffix(dir, "/"+e.Name()) && e.IsDir() }) {
		t.Errorf("%s is not in %v", dir, entries)
	}
}

package proc

import (
	"fmt"
	"io/fs"
	"math"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/flott-dev/flott/connect/connecttest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func text(s string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(s)} }

// stat is a /proc/PID/stat with what the source reads of it.
func stat(name string, user, system, pages int64) *fstest.MapFile {
	return text(fmt.Sprintf("42 (%s) S 1 42 42 0 -1 4194560 9 0 0 0 %d %d 5 6 20 0 1 0 100 9999 %d 18446744 1\n",
		name, user, system, pages))
}

func counters(read, written int64) *fstest.MapFile {
	return text(fmt.Sprintf("rchar: 1\nwchar: 2\nread_bytes: %d\nwrite_bytes: %d\n", read, written))
}

const headings = "Inter-|   Receive                    |  Transmit\n" +
	" face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets\n"

func device(in, out int64) *fstest.MapFile {
	return text(headings + fmt.Sprintf("    lo: 7 0 0 0 0 0 0 0 7 0 0 0 0 0 0 0\n  eth0:%d 1 0 0 0 0 0 0 %d 1 0 0 0 0 0 0\n", in, out))
}

// read samples root once for each step, which changes it first, two seconds apart.
func read(t *testing.T, root fs.FS, steps ...func()) ([]Sample, error) {
	t.Helper()
	d := connecttest.NewDriver(t, Source(Options{Interval: 2 * time.Second, Root: root}), 1, nil)
	var samples []Sample
	for _, step := range steps {
		step()
		for {
			b, err := d.Poll(0)
			if err != nil {
				return samples, err
			}
			if samples = append(samples, b.Records...); len(b.Records) == 0 {
				break
			}
		}
		d.Advance(2 * time.Second)
	}
	for i := range samples {
		samples[i].At = time.Time{}
	}
	return samples, nil
}

func TestSamples(t *testing.T) {
	page := int64(os.Getpagesize())
	nothing := func() {}
	for _, tc := range []struct {
		name   string
		before fstest.MapFS
		change func(root fstest.MapFS)
		want   []Sample
	}{
		{
			"a program",
			fstest.MapFS{"42/stat": stat("sh", 100, 50, 10), "42/io": counters(1000, 0)},
			func(root fstest.MapFS) {
				root["42/stat"], root["42/io"] = stat("sh", 180, 70, 11), counters(5000, 200)
			},
			[]Sample{{Name: "sh", PID: 42, CPU: 0.5, Memory: 11 * page, In: 2000, Out: 100}},
		},
		{
			"of another user",
			fstest.MapFS{"42/stat": stat("sh", 100, 50, 10)},
			func(root fstest.MapFS) { root["42/stat"] = stat("sh", 100, 50, 10) },
			[]Sample{{Name: "sh", PID: 42, Memory: 10 * page}},
		},
		{
			"spaces and parentheses",
			fstest.MapFS{"42/stat": stat("a) S (b) (", 0, 0, 1)},
			func(root fstest.MapFS) { root["42/stat"] = stat("a) S (b) (", 0, 20, 1) },
			[]Sample{{Name: "a) S (b) (", PID: 42, CPU: 0.1, Memory: page}},
		},
		{
			"a new process needs two samples",
			fstest.MapFS{"42/stat": stat("sh", 0, 0, 1)},
			func(root fstest.MapFS) { root["43/stat"] = stat("new", 500, 0, 1) },
			[]Sample{{Name: "sh", PID: 42, Memory: page}},
		},
		{
			"a number that is used again",
			fstest.MapFS{"42/stat": stat("sh", 500, 0, 1)},
			func(root fstest.MapFS) { root["42/stat"] = stat("other", 20, 0, 1) },
			[]Sample{{Name: "other", PID: 42, Memory: page}},
		},
		{
			"ended",
			fstest.MapFS{"42/stat": stat("sh", 0, 0, 1)},
			func(root fstest.MapFS) { delete(root, "42/stat") }, nil,
		},
		{
			"ended after it was listed",
			fstest.MapFS{"42/stat": stat("sh", 0, 0, 1)},
			func(root fstest.MapFS) { delete(root, "42/stat"); root["42/io"] = counters(1, 1) }, nil,
		},
		{
			"no process",
			fstest.MapFS{"self/stat": stat("sh", 0, 0, 1), "uptime": text("1 2")},
			func(fstest.MapFS) {}, nil,
		},
		{
			"an interface",
			fstest.MapFS{"net/dev": device(100, 10)},
			func(root fstest.MapFS) { root["net/dev"] = device(300, 20) },
			[]Sample{{Name: "net lo"}, {Name: "net eth0", In: 100, Out: 5}},
		},
	} {
		root := tc.before
		got, err := read(t, root, nothing, func() { tc.change(root) })
		for i := range got {
			got[i].CPU = math.Round(got[i].CPU*1e9) / 1e9
		}
		if err != nil || !slices.Equal(got, tc.want) {
			t.Errorf("%s: %+v, %v, want %+v", tc.name, got, err, tc.want)
		}
	}
}

// gone is a /proc in which processes end while they are read.
type gone struct{ fs.FS }

func (g gone) Open(name string) (fs.File, error) {
	if strings.HasSuffix(name, "/stat") {
		return nil, &fs.PathError{Op: "read", Path: name, Err: syscall.ESRCH}
	}
	return g.FS.Open(name)
}

func TestProcessEndsWhileItIsRead(t *testing.T) {
	root := gone{fstest.MapFS{"42/stat": stat("sh", 0, 0, 1), "net/dev": device(0, 0)}}
	got, err := read(t, root, func() {}, func() {})
	if err != nil || len(got) != 2 || got[0].PID != 0 {
		t.Errorf("%+v, %v, want the interfaces", got, err)
	}
}

func TestErrors(t *testing.T) {
	for _, tc := range []struct {
		file, content, want string
	}{
		{"42/stat", "42 sh S 1", "/proc/42/stat has no name in parentheses"},
		{"42/stat", "42 (sh) S 1 2", "/proc/42/stat has 3 fields after the name, want 22"},
		{"42/stat", "42 (sh)" + strings.Repeat(" x", 22), `/proc/42/stat: strconv.ParseInt: parsing "x"`},
		{"net/dev", "eth0: 1 2 3", "/proc/net/dev: interface eth0 has 3 fields, want 9 or more"},
		{"net/dev", "eth0:" + strings.Repeat(" x", 9), "/proc/net/dev: strconv.ParseInt"},
	} {
		_, err := read(t, fstest.MapFS{tc.file: text(tc.content)}, func() {})
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s %q: the error is %v, want %q", tc.file, tc.content, err, tc.want)
		}
	}
	missing, err := fs.Sub(fstest.MapFS{}, "nowhere")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := read(t, missing, func() {}); err == nil ||
		!strings.Contains(err.Error(), "the source needs Linux") {
		t.Errorf("without /proc the error is %v", err)
	}
}

// TestManyProcesses reads more samples than fit one poll.
func TestManyProcesses(t *testing.T) {
	root := fstest.MapFS{}
	for pid := range 20 {
		root[fmt.Sprint(pid+1, "/stat")] = stat("sh", 0, 0, 1)
	}
	got, err := read(t, root, func() {}, func() {}, func() {})
	if err != nil || len(got) != 2*20 {
		t.Errorf("%d samples, %v, want 40", len(got), err)
	}
}

// TestSourceConforms checks assignment and restored splits; the past cannot be read again.
func TestSourceConforms(t *testing.T) {
	root := fstest.MapFS{"42/stat": stat("sh", 0, 0, 1), "net/dev": device(0, 0)}
	d := connecttest.NewDriver(t, Source(Options{Root: root}), 2, nil)
	first, err := d.Read(9)
	if err != nil || len(first) < 9 {
		t.Fatalf("%d samples, %v", len(first), err)
	}
	saved := d.Snapshot()
	if len(saved.Splits) != 1 {
		t.Errorf("%d splits are saved, want 1", len(saved.Splits))
	}
	d.Close()
	d = connecttest.NewDriver(t, Source(Options{Root: root}), 3, saved)
	if again, err := d.Read(9); err != nil || len(again) < 9 {
		t.Errorf("%d samples after a restore, %v", len(again), err)
	}
}

package launch_test

import (
	"bytes"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/job"
	"github.com/flott-dev/flott/internal/lsm"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/storage"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

// padded is a count in a value that is too large for a manifest, and that does not shrink.
type padded struct {
	N   int64
	Pad []uint64
}

// nativeKeys is so many that most of them stay the same from one checkpoint to the next.
const nativeKeys = 200

func paddedCounts(s *stream.Stream[int64]) *stream.Stream[[2]int64] {
	return stream.Scan(stream.KeyBy(s, func(v int64) int64 { return v % nativeKeys }),
		func(c *stream.Ctx[int64, [2]int64], s *padded, _ int64) error {
			s.N++
			if s.Pad == nil {
				rng := rand.New(rand.NewPCG(uint64(c.Key()), 0))
				for range 1000 {
					s.Pad = append(s.Pad, rng.Uint64())
				}
			}
			c.Emit([2]int64{c.Key(), s.N})
			return nil
		})
}

// wantPadded checks that each count of each of n numbers was emitted once.
func wantPadded(t *testing.T, got [][2]int64, n int64) {
	t.Helper()
	seen := map[[2]int64]int{}
	for _, g := range got {
		seen[g]++
	}
	for v := range n {
		if c := [2]int64{v % nativeKeys, v/nativeKeys + 1}; seen[c] != 1 {
			t.Fatalf("%v was committed %d times", c, seen[c])
		}
	}
	if int64(len(got)) != n {
		t.Errorf("%d results, want %d", len(got), n)
	}
}

// onDisk keeps all state on disk.
func onDisk(options ...stream.Option) []stream.Option {
	return append(options, stream.StateBackend("pebble"), stream.StateMemory(1))
}

// restores counts how stores are filled.
type restores struct {
	adopted, bulks atomic.Int64
	space          *lsm.Space
}

type countedStore struct {
	operator.Cold
	r *restores
}

func (s countedStore) Adopt(t *operator.Tree) error {
	s.r.adopted.Add(1)
	return s.Cold.Adopt(t)
}

func (s countedStore) Bulk() operator.ColdBulk {
	s.r.bulks.Add(1)
	return s.Cold.Bulk()
}

func (r *restores) count(t *testing.T) launch.Option {
	r.space = &lsm.Space{Bytes: 1, Dir: t.TempDir()}
	return func(o *job.Options) {
		o.Cold = func() operator.Cold { return countedStore{r.space.Open(), r} }
	}
}

// TestNativeSavepoint: its files are what a job of the same parallelism goes on with; any other job
// restores what they hold.
func TestNativeSavepoint(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const n = 400
		var before [][2]int64
		stop := func(from string, parallelism int, options ...stream.Option) string {
			out := collect.To[[2]int64]()
			env := stream.NewEnv(append(options, stream.Parallelism(parallelism), stream.MaxParallelism(16))...)
			paddedCounts(slowly(env, n)).To(out)
			var start []launch.Option
			if from != "" {
				start = append(start, launch.RestoreFrom(from, launch.NoClaim))
			}
			j, err := launch.Start(t.Context(), env, "native", start...)
			if err != nil {
				t.Fatal(err)
			}
			time.Sleep(8*time.Second + 50*time.Millisecond)
			path, err := j.StopWithSavepoint(t.Context(), t.TempDir(), false, launch.NativeSavepoint())
			if err != nil {
				t.Fatal(err)
			}
			before = append(before, out.Results()...)
			return path
		}
		path := stop(stop("", 3, onDisk()...), 2, onDisk()...)
		if s := opened(t, path); !s.Native || len(tablesOf(s)) == 0 {
			t.Errorf("native %v, tables %v", s.Native, tablesOf(s))
		}
		for _, c := range []struct {
			parallelism int
			disk        bool
			adopted     int64
		}{{2, true, 2}, {3, true, 0}, {1, true, 0}, {2, false, 0}, {3, false, 0}} {
			name := fmt.Sprintf("parallelism %d, on disk %v", c.parallelism, c.disk)
			out, r := collect.To[[2]int64](), &restores{}
			options := []launch.Option{launch.RestoreFrom(path, launch.NoClaim)}
			if c.disk {
				options = append(options, r.count(t))
			}
			env := stream.NewEnv(stream.Parallelism(c.parallelism), stream.MaxParallelism(16))
			paddedCounts(slowly(env, n)).To(out)
			if err := launch.Run(t.Context(), env, "native", options...); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			wantPadded(t, append(slices.Clone(before), out.Results()...), n)
			if got := r.adopted.Load(); got != c.adopted {
				t.Errorf("%s: the files of %d subtasks were adopted, want %d", name, got, c.adopted)
			}
			if got := r.bulks.Load(); (got > 0) != (c.disk && c.adopted == 0) {
				t.Errorf("%s: %d bulks", name, got)
			}
		}
	})
}

func opened(t *testing.T, path string) *checkpoint.Snapshot {
	t.Helper()
	s, err := storage.Open(t.Context(), path, nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// tablesOf are the objects that have tables, by the name of their file.
func tablesOf(s *checkpoint.Snapshot) map[string]bool {
	tables := map[string]bool{}
	s.Refs(func(_, _ string, r *checkpoint.Ref) {
		if strings.Contains(r.Object, ".sst") {
			tables[strings.TrimPrefix(r.Object, "file://")] = true
		}
	})
	return tables
}

// TestNativeCheckpoints: a checkpoint stores the tables that the one before has not, and what no
// retained one names is deleted.
func TestNativeCheckpoints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		out := collect.To[[2]int64]()
		build := func() *stream.Env {
			env := durable(dir, stream.StateBackend("pebble"), stream.StateMemory(8<<20),
				stream.NativeCheckpoints(), stream.CheckpointsRetained(2),
				stream.Restart(stream.FixedDelay(3, time.Second)))
			paddedCounts(failingAt(slowly(env, 400), 1, 170)).To(out)
			return env
		}
		j := runFor(t, build(), 13*time.Second+300*time.Millisecond)
		last, _, _ := j.Checkpoints()
		stored, held := int64(0), int64(0)
		for _, c := range last[2:] {
			stored, held = stored+c.Size, held+c.FullSize
		}
		if stored >= held { // though tables that are merged are stored again
			t.Errorf("%d bytes are stored of %d", stored, held)
		}
		named, shared := map[string]bool{}, 0
		manifests, err := filepath.Glob(filepath.Join(dir, "durable", "chk-*", "manifest-*"))
		if err != nil || len(manifests) != 2 {
			t.Fatal(manifests, err)
		}
		for _, m := range manifests {
			tables := tablesOf(opened(t, m))
			maps.Copy(named, tables)
			for table := range tables {
				if filepath.Dir(table) != filepath.Dir(m) {
					shared++
				}
			}
		}
		there := map[string]bool{}
		for _, f := range files(t, dir) {
			if strings.Contains(f, ".sst") {
				there[f] = true
			}
		}
		if !maps.Equal(named, there) {
			t.Errorf("there is %v, but named is %v", slices.Sorted(maps.Keys(there)), slices.Sorted(maps.Keys(named)))
		}
		if shared == 0 {
			t.Error("no checkpoint names a table of an earlier one")
		}
		mustRun(t, build())
		wantPadded(t, out.Results(), 400)
		if left := files(t, dir); len(left) > 0 {
			t.Errorf("files are left of a job that has finished: %v", left)
		}
	})
}

// TestDamagedTable: each table of the newest native checkpoint is damaged in each way; the job says
// which, and goes on from the checkpoint before.
func TestDamagedTable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		damages := map[string]func(path string) error{
			"deleted": os.Remove,
			"flipped": func(path string) error {
				data, err := os.ReadFile(path)
				if err != nil {
					return err
				}
				data[len(data)/2] ^= 1
				return os.WriteFile(path, data, 0o666)
			},
		}
		for name, damage := range damages {
			for _, parallelism := range []int{2, 3} { // whose restore is from the files, and from what they hold
				dir := t.TempDir()
				out := collect.To[[2]int64]()
				var log bytes.Buffer
				build := func(parallelism int) (*stream.Env, launch.Option) {
					env := durable(dir, onDisk(stream.NativeCheckpoints(), stream.CheckpointsRetained(3),
						stream.Parallelism(parallelism), stream.Restart(stream.FixedDelay(5, time.Second)))...)
					paddedCounts(slowly(env, 300)).To(out)
					return env, func(o *job.Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) }
				}
				env, logged := build(2)
				runFor(t, env, 11*time.Second, logged)
				newest := newestOf(t, dir)
				var own []string
				for table := range tablesOf(opened(t, newest)) {
					if filepath.Dir(table) == newest {
						own = append(own, table)
					}
				}
				if len(own) == 0 {
					t.Fatal("the newest checkpoint has no tables of its own")
				}
				victim := slices.Max(own)
				if err := damage(victim); err != nil {
					t.Fatal(err)
				}
				env, logged = build(parallelism)
				mustRun(t, env, logged)
				if !strings.Contains(log.String(), filepath.Base(victim)) {
					t.Errorf("%s: %s is not named: %s", name, filepath.Base(victim), log.String())
				}
				seen := map[[2]int64]bool{}
				for _, r := range out.Results() {
					seen[r] = true
				}
				for v := range int64(300) {
					if want := [2]int64{v % nativeKeys, v/nativeKeys + 1}; !seen[want] {
						t.Fatalf("%s, parallelism %d: %v is missing", name, parallelism, want)
					}
				}
				if len(seen) != 300 {
					t.Errorf("%s: %d different results", name, len(seen))
				}
			}
		}
	})
}

// newestOf is the directory of the newest checkpoint.
func newestOf(t *testing.T, dir string) (newest string) {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(dir, "durable", "chk-*", "manifest-*"))
	if err != nil || len(dirs) == 0 {
		t.Fatal(errors.Join(err, errors.New("there is no checkpoint")))
	}
	for _, d := range dirs {
		newest = max(newest, filepath.Dir(d))
	}
	return newest
}

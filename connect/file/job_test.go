package file

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/filesystem"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

// TestJobReadsEachLineOnce restarts a job that watches a directory from its snapshots, with other
// parallelisms, until all lines are there. Each checkpoint commits what the sink has, and the snapshot
// after it has what is prepared since.
func TestJobReadsEachLineOnce(t *testing.T) {
	files, want := map[string]string{}, []string{}
	for f := range 4 {
		var b strings.Builder
		for i := range 20_000 {
			line := fmt.Sprintf("file %d, line %d", f, i)
			want = append(want, line)
			b.WriteString(line + "\n")
		}
		files[fmt.Sprintf("f%d.txt%s", f, []string{"", ".gz", ".zst", ""}[f])] = b.String()
	}
	dir := tree(t, files)
	out := collect.To[string]()
	var last *launch.Snapshot
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	run := func(parallelism int, enough func(snapshots int) bool) *launch.Job {
		t.Helper()
		env := stream.NewEnv(stream.Parallelism(parallelism))
		src := Lines(filepath.Join(dir, "*"), Watch(time.Millisecond), SplitBytes(50_000))
		stream.From(env, src).UID("lines").To(out).UID("out")
		job, err := launch.Start(ctx, env, "watch", launch.Restore(last))
		must(t, err)
		for n := 0; !enough(n); n++ {
			_, err = job.Checkpoint(ctx)
			must(t, err)
			last, err = job.Snapshot(ctx)
			must(t, err)
		}
		return job
	}
	for _, parallelism := range []int{2, 3, 1, 2} {
		begin := len(out.Results())
		job := run(parallelism, func(int) bool { return len(out.Results()) > begin || begin == len(want) })
		job.Cancel()
		_ = job.Wait()
	}
	job := run(3, func(n int) bool { return n > 0 && len(out.Results()) >= len(want) })
	job.Stop()
	must(t, job.Wait())
	got := out.Results()
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("%d lines, want %d", len(got), len(want))
	}
}

func FuzzStates(f *testing.F) {
	p := filesystem.Pending{Token: ".part-0-1.inprogress.0", Name: "part-0-1", Bytes: 300}
	f.Add(appendPending(nil, p))
	e := enumerator{listed: true, seen: map[string]bool{"a": true}}
	b, err := e.Snapshot()
	must(f, err)
	f.Add(b)
	f.Add(encodeMergeable(100, appendPending(nil, p)))
	f.Add(encodeBegun("dt=1", 7))
	f.Add(appendItem(appendItem([]byte(begun), encodeBegun("dt=1", 7)), nil))
	pending, err := (&partitionCommitter{pending: map[string]int64{"dt=1": 7}}).Snapshot()
	must(f, err)
	f.Add(pending)
	f.Fuzz(func(t *testing.T, data []byte) {
		if p, most, err := decodeMergeable(data); err == nil {
			if again, m, err := decodeMergeable(encodeMergeable(most, appendPending(nil, p))); err != nil || again != p || m != most {
				t.Errorf("%+v up to %d, then %+v up to %d, %v", p, most, again, m, err)
			}
		}
		if bucket, since, ok := decodeBegun(data); ok {
			if again, at, ok := decodeBegun(encodeBegun(bucket, since)); !ok || again != bucket || at != since {
				t.Errorf("%q since %d, then %q since %d", bucket, since, again, at)
			}
		}
		if rest, err := cutSince(data, map[string]int64{}); err == nil && len(rest) > len(data) {
			t.Errorf("%d bytes of %d are left", len(rest), len(data))
		}
		c := partitionCommitter{pending: map[string]int64{}}
		if c.restore(data) == nil {
			if b, err := c.Snapshot(); err != nil || len(c.pending) > 0 != (len(b) > 0) {
				t.Errorf("%d bytes, %v", len(b), err)
			}
		}
		if p, rest, err := decodePending(data); err == nil {
			again, _, err := decodePending(appendPending(nil, p))
			if err != nil || again != p || len(rest) > len(data) {
				t.Errorf("%+v, then %+v, %v", p, again, err)
			}
		}
		e := enumerator{seen: map[string]bool{}}
		if e.restore(data) == nil {
			if _, err := e.Snapshot(); err != nil {
				t.Error(err)
			}
		}
	})
}

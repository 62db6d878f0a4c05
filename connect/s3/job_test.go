package s3

import (
	"fmt"
	"net/http"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect/file"
	"github.com/flott-dev/flott/connect/filesystem"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

// TestJobWritesEachRecordOnce has the store refuse requests now and then, and be away for a while: the job starts again
// each time.
func TestJobWritesEachRecordOnce(t *testing.T) {
	t.Run("as written", func(t *testing.T) { jobWritesEachRecordOnce(t, nil) })
	t.Run("merged", func(t *testing.T) { jobWritesEachRecordOnce(t, &file.Compaction{Parallelism: 4}) })
}

func jobWritesEachRecordOnce(t *testing.T, compact *file.Compaction) {
	const total = 20_000
	s := newStore(t)
	s.env(t)
	opened, err := filesystem.For("s3://bucket/")
	must(t, err)
	files := opened.(*system)
	files.bucket, files.partBytes = s.open(t).(*system).bucket, 1000
	var requests, failures atomic.Int64
	s.hook(func(w http.ResponseWriter, _ *http.Request) bool {
		n := requests.Add(1)
		if bad := n%97 == 0 || (n > 200 && n < 210); bad && failures.Add(1) <= 20 {
			return answer(w, http.StatusBadRequest, "Away")
		}
		return false
	}, nil)
	dir := "s3://bucket/job/out"
	env := stream.NewEnv(stream.Parallelism(2), stream.Checkpoint(5*time.Millisecond), stream.Restart(stream.FixedDelay(1000, time.Millisecond)))
	lines := stream.From(env, slice.Func(total, func(n int64) string { return fmt.Sprintf("%06d", n) }))
	lines.To(file.Sink(dir, file.EncodeLines(text), file.SinkOptions[string]{
		PartBytes: 5000, Compact: compact, Bucket: func(v *string, _ time.Time) string { return "n=" + (*v)[5:] },
	}))
	must(t, launch.Run(t.Context(), env, "write"))
	s.hook(nil, nil)
	got := content(t, dir)
	slices.Sort(got)
	for n, line := range got {
		if line != fmt.Sprintf("%06d", n) {
			t.Fatalf("of %d lines the %d-th is %s", len(got), n, line)
		}
	}
	if len(got) != total || failures.Load() < 2 {
		t.Errorf("%d lines are there, want %d; %d requests failed", len(got), total, failures.Load())
	}
}

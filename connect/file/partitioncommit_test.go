package file

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	columns "github.com/flott-dev/flott/column"
	options "github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/connecttest"
	"github.com/flott-dev/flott/format/json"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/metric"
)

func TestTableWithPartitionCommitIsASink(t *testing.T) {
	tableIsASink(t, "sink.partition-commit.policy.kind=success-file")
}

// TestPartitionTime is about what Flink's DefaultPartTimeExtractor makes of the names of partitions.
func TestPartitionTime(t *testing.T) {
	for _, tc := range []struct{ columns, bucket, pattern, formatter, zone, want string }{
		{"dt", "dt=2020-10-11", "", "", "", "2020-10-11T00:00:00Z"},
		{"dt", "dt=2020-1-2 3%3A4%3A5", "", "", "", "2020-01-02T03:04:05Z"},
		{"dt", "dt=2020-01-02 03%3A04%3A05.25", "", "", "", "2020-01-02T03:04:05.25Z"},
		{"dt hour", "dt=2020-10-11/hour=7", "", "", "", "2020-10-11T00:00:00Z"},
		{"dt hour", "dt=2020-10-11/hour=7", "$dt $hour:00:00", "", "", "2020-10-11T07:00:00Z"},
		{"dt hour", "dt=2020-10-11/hour=24", "$dt $hour:00:00", "", "", "2020-10-12T00:00:00Z"}, // lenient
		{"y m d", "y=2020/m=13/d=32", "$y-$m-$d", "", "", "2021-02-01T00:00:00Z"},
		{"d dt", "d=1/dt=2", "2020-$dt-$d", "", "", "file: the time of the partition \"d=1/dt=2\": \"2020-1t-1\" is not"}, // $d comes first, as in Flink
		{"dt", "dt=20201011", "", "yyyyMMdd", "", "2020-10-11T00:00:00Z"},
		{"dt", "dt=20201011-07", "", "yyyyMMdd-HH", "", "2020-10-11T07:00:00Z"},
		{"dt", "dt=20201011", "", "yyyyMMdd['T'HHmm]", "", "2020-10-11T00:00:00Z"},
		{"dt", "dt=20201011T0809", "", "yyyyMMdd['T'HHmm]", "", "2020-10-11T08:09:00Z"},
		{"dt", "dt=2023-02-31", "", "uuuu-MM-dd", "", "2023-02-28T00:00:00Z"}, // smart
		{"dt", "dt=11o'clock 2.3.21", "", "HH'o''clock' d.M.yy", "", "2021-03-02T11:00:00Z"},
		{"dt", "dt=2023-13-01", "", "yyyy-MM-dd", "", "\"2023-13-01\" has a month"},
		{"dt", "dt=2023-1-01", "", "yyyy-MM-dd", "", "is not of the form yyyy-MM-dd"},
		{"dt", "dt=__DEFAULT_PARTITION__", "", "", "", "is not of the form"},
		{"dt", "dt=2020-10-11", "", "", "Asia/Shanghai", "2020-10-10T16:00:00Z"},
		{"dt", "dt=2020-10-11", "", "", "GMT-08:00", "2020-10-11T08:00:00Z"},
		{"dt h", "dt=2024-03-31/h=2", "$dt $h:30:00", "", "Europe/Berlin", "2024-03-31T01:30:00Z"}, // never: as 3:30
		{"dt h", "dt=2024-10-27/h=2", "$dt $h:30:00", "", "Europe/Berlin", "2024-10-27T00:30:00Z"}, // twice: the first
		{"dt h", "dt=2024-10-27/h=3", "$dt $h:30:00", "", "Europe/Berlin", "2024-10-27T02:30:00Z"},
		{"dt h", "dt=2024-10-26/h=23", "$dt $h:30:00", "", "Europe/Berlin", "2024-10-26T21:30:00Z"},
	} {
		options := []string{"path=/x", "format=json", "sink.partition-commit.policy.kind=success-file", "sink.partition-commit.trigger=partition-time"}
		for key, value := range map[string]string{
			"partition.time-extractor.timestamp-pattern": tc.pattern, "partition.time-extractor.timestamp-formatter": tc.formatter,
			"sink.partition-commit.watermark-time-zone": tc.zone,
		} {
			if value != "" {
				options = append(options, key+"="+value)
			}
		}
		columns := strings.Fields(tc.columns)
		table := spec(strings.Join(columns, " STRING, ")+" STRING, v INT", options...)
		table.Partitions = columns
		s, err := Table.NewSink(table)
		must(t, err)
		at, err := s.(*tableSink).commit.timeOf(filepath.FromSlash(tc.bucket))
		if got := at.UTC().Format(time.RFC3339Nano); err == nil && got != tc.want || err != nil && !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%+v: %s, %v", tc, got, err)
		}
	}
}

func TestPartitionCommitErrors(t *testing.T) {
	for option, want := range map[string]string{
		"sink.partition-commit.policy.kind=metastore":                  "'metastore' cannot be: a table of files has no metastore",
		"sink.partition-commit.policy.kind=success-file,custom":        "'custom' cannot be: classes of Java are not run",
		"sink.partition-commit.policy.kind=successfile":                "'successfile' cannot be: it is 'success-file'",
		"sink.partition-commit.trigger=event-time":                     "sink.partition-commit.trigger",
		"sink.partition-commit.success-file.name=a/b":                  "is not the name of a file",
		"sink.partition-commit.watermark-time-zone=Mars":               "there is no time zone",
		"partition.time-extractor.kind=custom":                         "partition.time-extractor.kind: 'custom' cannot be",
		"partition.time-extractor.timestamp-formatter=yyyy-MM-dd EEEE": "EEEE in",
		"partition.time-extractor.timestamp-formatter=yyyy-MM":         "has no year, month or day",
		"partition.time-extractor.timestamp-formatter=yyyy-MM-dd 'T":   "a quote is not closed",
		"partition.time-extractor.timestamp-formatter=[yyyy-MM-dd":     "is not closed",
		"sink.partition-commit.delay=soon":                             "sink.partition-commit.delay",
	} {
		table := spec("v INT, dt STRING", "path=/x", "format=json", option)
		table.Partitions = []string{"dt"}
		if _, err := Table.NewSink(table); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", option, err, want)
		}
	}
}

// hourRow is a row of a partition.
type hourRow struct{ n, hour int }

// commitJob is subtasks of a sink and its committer, driven as the engine does, and what is known of the rows.
type commitJob struct {
	t          *testing.T
	sink       connect.Sink[hourRow]
	dir        string
	clock      *clock.Manual
	attempt    int
	byTime     bool
	delay      time.Duration
	writers    []connect.Writer[hourRow]
	watermarks []int64
	committer  connect.GlobalCommitter
	portions   []portion
	rows       []*sinkRow
	number     int
	checkpoint int
}

// sinkRow is a row that was written, in the run that counts.
type sinkRow struct {
	number, hour int
	at           int64 // the clock
	portion      int   // of the first barrier behind it, 0 for none yet
	committed    bool  // the partition was, with it
}

type portion struct {
	checkpoint int
	clock      int64
	connect.Prepared
}

type commitSnapshot struct {
	states     [][]byte
	kept       []portion
	state      []byte
	rows       []sinkRow
	checkpoint int
}

const hours = 4

// tableOfHours is the sink of a table of hourRows, partitioned by them.
func tableOfHours(t *testing.T, dir string, more ...string) connect.Sink[hourRow] {
	t.Helper()
	table := spec("n INT, dt STRING, hour INT", append(more, "path="+dir, "format=json", "sink.partition-commit.policy.kind=success-file",
		"sink.rolling-policy.rollover-interval=1000 d", "sink.rolling-policy.inactivity-interval=1000 d",
		"partition.time-extractor.timestamp-pattern=$dt $hour:00:00")...)
	table.Partitions = []string{"dt", "hour"}
	return connecttest.RowsSink(openSink(t, table, connect.Insert{}), func(rows []hourRow) *columns.Batch {
		var records []string
		for _, r := range rows {
			records = append(records, fmt.Sprintf(`{"n":%d,"dt":"1970-01-01","hour":%d}`, r.n, r.hour))
		}
		return encoded(t, table.Schema, json.Factory, records...)
	})
}

// sinkOfHours is the sink of the same records in Go.
func sinkOfHours(dir string, o SinkOptions[hourRow]) connect.Sink[hourRow] {
	o.Rollover, o.Inactivity = -1, -1
	o.Bucket = func(r *hourRow, _ time.Time) string { return bucketOfHour(r.hour) }
	return Sink(dir, EncodeLines(func(r hourRow) string { return fmt.Sprintf(`{"n":%d}`, r.n) }), o)
}

func bucketOfHour(hour int) string { return fmt.Sprintf("dt=1970-01-01/hour=%d", hour) }

func (j *commitJob) start(parallelism int, from *commitSnapshot) {
	j.t.Helper()
	j.attempt++
	j.writers, j.watermarks, j.portions, j.rows = nil, nil, nil, nil
	wc := connect.WriterContext{
		Context: j.t.Context(), Parallelism: parallelism, Attempt: j.attempt, Metrics: &metric.Group{}, Now: j.clock.Now, WakeAt: func(time.Time) {},
	}
	var state []byte
	if from != nil {
		state = from.state
		for i := range from.rows {
			r := from.rows[i]
			j.rows = append(j.rows, &r)
		}
	}
	var err error
	j.committer, err = j.sink.(connect.GlobalTwoPhase).GlobalCommitter(wc, state)
	must(j.t, err)
	if from != nil {
		for i := range from.kept {
			j.commit(&from.kept[i])
		}
	}
	for i := range parallelism {
		wc.Subtask = i
		var mine [][]byte
		for k := i; from != nil && k < len(from.states); k += parallelism {
			mine = append(mine, from.states[k])
		}
		w, err := j.sink.Writer(wc, mine)
		must(j.t, err)
		j.writers, j.watermarks = append(j.writers, w), append(j.watermarks, math.MinInt64)
	}
}

func (j *commitJob) write(subtask, hour int) {
	j.number++
	must(j.t, j.writers[subtask].Write([]hourRow{{j.number, hour}}, []int64{math.MinInt64}))
	j.rows = append(j.rows, &sinkRow{number: j.number, hour: hour, at: j.clock.Now().UnixMilli()})
}

// barrier takes a checkpoint.
func (j *commitJob) barrier(end bool) *commitSnapshot {
	j.checkpoint++
	s := &commitSnapshot{checkpoint: j.checkpoint}
	p := portion{j.checkpoint, j.clock.Now().UnixMilli(), connect.Prepared{Watermark: slices.Min(j.watermarks), End: end}}
	for _, w := range j.writers {
		must(j.t, w.Flush(end))
		items, err := w.(connect.Preparer).Prepare(int64(j.checkpoint))
		must(j.t, err)
		p.Committables = append(p.Committables, items...)
		state, err := w.Snapshot()
		must(j.t, err)
		s.states = append(s.states, state)
	}
	j.portions = append(j.portions, p)
	state, err := j.committer.Snapshot()
	must(j.t, err)
	s.state, s.kept = state, slices.Clone(j.portions)
	for _, r := range j.rows {
		if r.portion == 0 {
			r.portion = j.checkpoint
		}
		s.rows = append(s.rows, *r)
	}
	return s
}

// complete commits what was prepared.
func (j *commitJob) complete() {
	for i := range j.portions {
		j.commit(&j.portions[i])
	}
	j.portions = nil
}

// commit commits a portion and compares the partitions that are committed with what must be, or may be.
func (j *commitJob) commit(p *portion) {
	j.t.Helper()
	must(j.t, j.committer.Commit(&p.Prepared))
	visible := j.visible()
	for hour := range hours {
		success := filepath.Join(j.dir, bucketOfHour(hour), "_SUCCESS")
		err := os.Remove(success)
		committed := err == nil
		partitionTime := int64(hour) * 3_600_000
		// first is when the first row was written that is not committed.
		first, all := int64(math.MaxInt64), true
		for _, r := range j.rows {
			if r.hour == hour && r.portion > 0 && r.portion <= p.checkpoint {
				all = all && visible[r.number]
				if !r.committed {
					first = min(first, r.at)
				}
			}
		}
		delay := j.delay.Milliseconds()
		due := j.byTime && p.Watermark > math.MinInt64 && p.Watermark > partitionTime+delay
		if !j.byTime {
			due = delay == 0 || first < math.MaxInt64 && p.clock > first+delay
		}
		due = due || p.End
		switch {
		case committed && j.byTime && !due:
			j.t.Fatalf("hour %d is committed at %d", hour, p.Watermark)
		case committed && (j.byTime || p.End) && !all:
			j.t.Fatalf("hour %d is committed, and not all of its rows are visible", hour)
		case !committed && due && first < math.MaxInt64:
			j.t.Fatalf("hour %d is not committed at %d, %d; rows since %d are to be", hour, p.Watermark, p.clock, first)
		}
		for _, r := range j.rows {
			if committed && r.hour == hour && r.portion > 0 && r.portion <= p.checkpoint && visible[r.number] {
				r.committed = true
			}
		}
	}
}

// visible are the numbers of the rows in visible files; each must be there once.
func (j *commitJob) visible() map[int]bool {
	j.t.Helper()
	all := map[int]bool{}
	for hour := range hours {
		files, err := filepath.Glob(filepath.Join(j.dir, bucketOfHour(hour), "*"))
		must(j.t, err)
		for _, f := range files {
			if hidden(filepath.Base(f)) {
				continue
			}
			data, err := os.ReadFile(f)
			must(j.t, err)
			for _, line := range strings.Fields(string(data)) {
				var n int
				_, err := fmt.Sscanf(line, `{"n":%d}`, &n)
				must(j.t, err)
				if all[n] {
					j.t.Fatalf("row %d is there twice", n)
				}
				all[n] = true
			}
		}
	}
	return all
}

func (j *commitJob) stop() {
	for _, w := range j.writers {
		must(j.t, w.Close())
	}
	must(j.t, j.committer.Close())
}

// TestPartitionCommitHistories writes rows of partitions that are hours, at random times, with checkpoints that
// complete or do not, and restores at other parallelisms. Partitions are committed when they are due, with all of
// their rows, and each row is there once.
func TestPartitionCommitHistories(t *testing.T) {
	for _, trigger := range []string{"process-time", "partition-time"} {
		for _, delay := range []string{"0 s", "1 h"} {
			for _, size := range []string{"1 b", "1 mb"} {
				d, err := options.ParseDuration(delay)
				must(t, err)
				j := commitJob{byTime: trigger == "partition-time", delay: d}
				t.Run(trigger+" "+delay+" "+size, func(t *testing.T) {
					for seed := range uint64(3) {
						j := j
						j.t, j.dir = t, t.TempDir()
						j.sink = tableOfHours(t, j.dir, fmt.Sprint("auto-compaction=", seed == 1), "sink.rolling-policy.file-size="+size,
							"sink.partition-commit.trigger="+trigger, "sink.partition-commit.delay="+delay)
						j.history(rand.New(rand.NewPCG(seed, 5)))
					}
				})
				t.Run("in Go "+trigger+" "+delay+" "+size, func(t *testing.T) {
					for seed := range uint64(3) {
						j := j
						j.t, j.dir = t, t.TempDir()
						o := SinkOptions[hourRow]{PartBytes: 1 << 20, PartitionCommit: &PartitionCommit{Delay: d}}
						if j.byTime {
							o.PartitionCommit.Time = BucketTime("dt=2006-01-02/hour=15")
						}
						if size == "1 b" {
							o.PartBytes = 1
						}
						if seed == 1 {
							o.Compact = &Compaction{}
						}
						j.sink = sinkOfHours(j.dir, o)
						j.history(rand.New(rand.NewPCG(seed, 6)))
					}
				})
			}
		}
	}
}

func (j *commitJob) history(rng *rand.Rand) {
	j.t.Helper()
	j.clock = clock.NewManual(time.Unix(1_700_000_000, 0))
	var last *commitSnapshot
	j.start(1+rng.IntN(3), nil)
	for range 60 {
		switch n := rng.IntN(12); {
		case n < 5:
			j.write(rng.IntN(len(j.writers)), rng.IntN(hours))
		case n < 7:
			i := rng.IntN(len(j.writers))
			j.watermarks[i] = max(j.watermarks[i], 0) + rng.Int64N(7_200_000)
			j.writers[i].(connect.WatermarkListener).Watermark(j.watermarks[i])
		case n < 8:
			j.clock.Advance(time.Duration(rng.Int64N(int64(time.Hour))))
		case n < 11:
			s := j.barrier(false)
			if rng.IntN(4) == 0 {
				continue // given up
			}
			last = s
			if rng.IntN(3) > 0 {
				j.complete()
			}
		default:
			j.stop()
			j.start(1+rng.IntN(3), last)
		}
	}
	j.barrier(true)
	j.complete()
	visible := j.visible()
	for _, r := range j.rows {
		if !visible[r.number] || !r.committed {
			j.t.Fatalf("row %d is visible: %v, and committed: %v", r.number, visible[r.number], r.committed)
		}
		delete(visible, r.number)
	}
	if len(visible) > 0 {
		j.t.Fatalf("rows %v should not be there", slices.Sorted(maps.Keys(visible)))
	}
	j.stop()
}

// TestPartitionIsNotCommittedWithoutItsFiles: what cannot be made visible keeps its partition from being committed.
func TestPartitionIsNotCommittedWithoutItsFiles(t *testing.T) {
	j := &commitJob{t: t, dir: t.TempDir(), clock: clock.NewManual(time.Unix(1_700_000_000, 0))}
	j.sink = tableOfHours(t, j.dir)
	j.start(1, nil)
	j.write(0, 3)
	j.barrier(false)
	dir := filepath.Join(j.dir, bucketOfHour(3))
	files, err := filepath.Glob(filepath.Join(dir, ".part*"))
	must(t, err)
	must(t, os.Rename(files[0], files[0]+".away"))
	if err := j.committer.Commit(&j.portions[0].Prepared); err == nil || !strings.Contains(err.Error(), "was it deleted?") {
		t.Errorf("without the file: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "_SUCCESS")); err == nil {
		t.Error("the partition is committed")
	}
	must(t, os.Rename(files[0]+".away", files[0]))
	must(t, j.committer.Commit(&j.portions[0].Prepared))
	info, err := os.Stat(filepath.Join(dir, "_SUCCESS"))
	if err != nil || info.Size() > 0 {
		t.Errorf("with it: %v", err)
	}
	j.stop()
}

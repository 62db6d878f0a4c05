package connecttest

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/filesystem"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/metric"
	"github.com/flott-dev/flott/row"
)

// MergedRecord is a record that Merging writes.
type MergedRecord struct {
	N int32
	S string
	P int32
}

// MergingTarget is a sink of files that are merged before they become visible, as one test sees it.
type MergingTarget struct {
	// Sink makes the sink of a directory: it merges files up to a size, one at a time, and has partitions p=0, p=1 and so on, of
	// P, which get the file _SUCCESS. It is a connect.GlobalTwoPhase.
	Sink func(dir string, bytes int64) connect.Sink[MergedRecord]
	// Visible are the records that a reader of the directory sees, in any order.
	Visible func(dir string) []MergedRecord
}

// MergingTable is a table whose files are merged.
func MergingTable(t *testing.T, table connect.TableFactory, f format.Factory) MergingTarget {
	spec := func(dir string, bytes int64) *connect.TableSpec {
		return &connect.TableSpec{
			Name: "merging", Schema: mergingSchema, Partitions: []string{"p"}, Formats: []format.Factory{f},
			Options: map[string]string{
				"connector": table.Name, "path": dir, "format": f.Name, "auto-compaction": "true", "compaction.file-size": fmt.Sprint(bytes, "b"),
				"compaction.parallelism": "1", "sink.partition-commit.policy.kind": "success-file",
			},
		}
	}
	return MergingTarget{
		Sink: func(dir string, bytes int64) connect.Sink[MergedRecord] {
			t.Helper()
			made, err := table.NewSink(spec(dir, bytes))
			must(t, "make the table", err)
			sink, err := made.Sink(connect.Insert{})
			must(t, "make the sink", err)
			return RowsSink(sink, mergingBatch)
		},
		Visible: func(dir string) []MergedRecord {
			t.Helper()
			made, err := table.NewSource(spec(dir, 1))
			must(t, "make the table", err)
			source, err := made.Scan(connect.Scan{})
			must(t, "make the source", err)
			records, err := NewDriver(t, Rows(source, mergedRecords), 1, nil).Read(0)
			must(t, "read", err)
			return records
		},
	}
}

// String is how tests show it: the partition comes last.
func (r MergedRecord) String() string { return fmt.Sprintf("%d %s %d", r.N, r.S, r.P) }

var mergingSchema = &row.Schema{Fields: []row.Field{
	{Name: "n", Type: row.Of(row.Int)}, {Name: "s", Type: row.StringType()}, {Name: "p", Type: row.Of(row.Int)},
}}

func mergingBatch(records []MergedRecord) *column.Batch {
	b := column.NewBatch(mergingSchema)
	for _, r := range records {
		b.Cols[0].AppendI32(r.N)
		b.Cols[1].AppendString(r.S)
		b.Cols[2].AppendI32(r.P)
		b.N++
	}
	return b
}

func mergedRecords(b *column.Batch) (records []MergedRecord) {
	for i := range b.Len() {
		at := b.Row(i)
		records = append(records, MergedRecord{b.Cols[0].I32[at], string(b.Cols[1].Bytes(at)), b.Cols[2].I32[at]})
	}
	return records
}

// Merging checks that a sink of files which are merged before they become visible has each record once, in a file for each
// partition and with nothing left beside it, whichever step of a file system is the last one of the process that commits, and of
// the next one, and whatever the size of files is after that. A partition is complete when it says so.
func Merging(t *testing.T, o FileSystemOptions, target MergingTarget) {
	t.Helper()
	for _, effect := range []bool{false, true} {
		for steps := 1; ; steps++ {
			m := &merging{t: t, files: o.Open(t), dir: o.Dir(t), MergingTarget: target}
			over := m.killed(steps, effect)
			if t.Failed() {
				t.Fatalf("step %d was the last, with an effect: %v", steps, effect)
			}
			if !over {
				if steps < 30 {
					t.Errorf("there are %d steps only", steps)
				}
				break
			}
		}
	}
}

// mortal is the scheme of the paths of a Life, and mortals are the file systems of those there are, by root.
const mortal = "mortal"

var mortals sync.Map

var registerMortal = sync.OnceFunc(func() {
	filesystem.Register(mortal, func(root string) (filesystem.FileSystem, error) {
		files, _ := mortals.Load(root)
		return files.(filesystem.FileSystem), nil
	})
})

// merging is one directory that is written.
type merging struct {
	MergingTarget
	t     *testing.T
	files filesystem.FileSystem
	dir   string
	rows  []string
}

// The sizes up to which files are merged: all into one, and none with another.
const (
	mergeAll  = 1 << 20
	mergeNone = 1
)

func (m *merging) context(subtask, parallelism int) connect.WriterContext {
	return connect.WriterContext{
		Context: context.Background(), Subtask: subtask, Parallelism: parallelism, Attempt: 1, Metrics: &metric.Group{},
		Now: func() time.Time { return time.Unix(1_700_000_000, 0) }, WakeAt: func(time.Time) {},
	}
}

// write has three subtasks write files: of the first partition all, of the second two, of the third one.
func (m *merging) write() (p connect.Prepared) {
	m.t.Helper()
	p.Watermark = math.MinInt64
	for subtask := range 3 {
		w, err := m.Sink(m.dir, mergeAll).Writer(m.context(subtask, 3), nil)
		must(m.t, "make a writer", err)
		var records []MergedRecord
		for partition := range 3 - subtask {
			r := MergedRecord{int32(subtask), fmt.Sprintf("row of subtask %d", subtask), int32(partition)}
			records, m.rows = append(records, r), append(m.rows, r.String())
		}
		must(m.t, "write", w.Write(records, make([]int64, len(records))))
		must(m.t, "flush", w.Flush(false))
		items, err := w.(connect.Preparer).Prepare(1)
		must(m.t, "prepare", err)
		p.Committables = append(p.Committables, items...)
		must(m.t, "close", w.Close())
	}
	slices.Sort(m.rows)
	return p
}

// commit has a process with a life commit.
func (m *merging) commit(l *Life, p *connect.Prepared, bytes int64) error {
	m.t.Helper()
	registerMortal()
	there, below := filesystem.Split(m.dir)
	root := fmt.Sprintf("%s://%p", mortal, l)
	mortals.Store(root, l.Of(m.files, root, there))
	defer mortals.Delete(root)
	c, err := m.Sink(root+below, bytes).(connect.GlobalTwoPhase).GlobalCommitter(m.context(0, 1), nil)
	must(m.t, "make a committer", err)
	return errors.Join(c.Commit(clonePortion(p)), c.Close())
}

// killed has the process that commits be killed, and reports whether it was.
func (m *merging) killed(steps int, effect bool) bool {
	m.t.Helper()
	p := m.write()
	for _, life := range []*Life{{Steps: steps, Effect: effect}, {Steps: steps*7%23 + 1, Effect: !effect}} {
		err := m.commit(life, &p, mergeAll)
		if err == nil && !life.Over() {
			m.wantAll()
			if life.Steps == steps {
				return false
			}
			break
		}
		if err == nil || !errors.Is(err, ErrKilled) {
			m.t.Fatalf("commit: %v", err)
		}
		m.wantWhole()
	}
	for range 2 {
		must(m.t, "commit again", m.commit(&Life{Steps: math.MaxInt}, &p, mergeNone))
		m.wantAll()
	}
	return true
}

// shown are the rows that can be read.
func (m *merging) shown() (rows []string) {
	m.t.Helper()
	for _, r := range m.Visible(m.dir) {
		rows = append(rows, r.String())
	}
	slices.Sort(rows)
	return rows
}

// wantWhole: no row is there twice, and partitions that say that they are complete are.
func (m *merging) wantWhole() {
	m.t.Helper()
	rows := m.shown()
	if len(slices.Compact(slices.Clone(rows))) < len(rows) {
		m.t.Fatalf("after a kill there are %q", rows)
	}
	for partition, names := range m.names() {
		of := func(row string) bool { return strings.HasSuffix(row, " "+strings.TrimPrefix(partition, "p=")) }
		want := slices.DeleteFunc(slices.Clone(m.rows), func(row string) bool { return !of(row) })
		got := slices.DeleteFunc(slices.Clone(rows), func(row string) bool { return !of(row) })
		if slices.Contains(names, "_SUCCESS") && !slices.Equal(got, want) {
			m.t.Fatalf("%s is said to be complete and has %q, not %q", partition, got, want)
		}
	}
}

// names are those of files, by partition.
func (m *merging) names() map[string][]string {
	m.t.Helper()
	names := map[string][]string{}
	for p := range 3 {
		partition := fmt.Sprint("p=", p)
		entries, err := m.files.ReadDir(m.t.Context(), filesystem.Join(m.dir, partition))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		must(m.t, "list", err)
		for _, e := range entries {
			names[partition] = append(names[partition], e.Name())
		}
	}
	return names
}

// wantAll: each row is there once, in one file of each partition, with nothing beside it.
func (m *merging) wantAll() {
	m.t.Helper()
	if got := m.shown(); !slices.Equal(got, m.rows) {
		m.t.Fatalf("the rows are %q, want %q", got, m.rows)
	}
	names := m.names()
	for _, partition := range slices.Sorted(maps.Keys(names)) {
		all := slices.DeleteFunc(names[partition], func(name string) bool { return strings.HasPrefix(name, "._SUCCESS.") }) // empty
		slices.Sort(all)
		matches := false
		if len(all) == 2 {
			matches, _ = path.Match("compacted-part-?-?-*", all[1])
		}
		if !matches || all[0] != "_SUCCESS" {
			m.t.Fatalf("%s has the files %q, want _SUCCESS and one that is compacted", partition, all)
		}
	}
}

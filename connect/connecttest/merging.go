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

// Merging checks that a table of files which are merged before they become visible has each row once, in a file for each
// partition and with nothing left beside it, whichever step of a file system is the last one of the process that commits, and of
// the next one, and whatever the options are after that. A partition is complete when it says so.
func Merging(t *testing.T, o FileSystemOptions, table connect.TableFactory, f format.Factory) {
	t.Helper()
	for _, effect := range []bool{false, true} {
		for steps := 1; ; steps++ {
			m := &merging{t: t, files: o.Open(t), dir: o.Dir(t), factory: table, format: f}
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

// merging is one table that is written.
type merging struct {
	t       *testing.T
	files   filesystem.FileSystem
	dir     string
	factory connect.TableFactory
	format  format.Factory
	rows    []string
}

var mergingSchema = &row.Schema{Fields: []row.Field{
	{Name: "n", Type: row.Of(row.Int)}, {Name: "s", Type: row.StringType()}, {Name: "p", Type: row.Of(row.Int)},
}}

func (m *merging) spec(path, size string) *connect.TableSpec {
	return &connect.TableSpec{
		Name: "merging", Schema: mergingSchema, Partitions: []string{"p"}, Formats: []format.Factory{m.format},
		Options: map[string]string{
			"connector": m.factory.Name, "path": path, "format": m.format.Name, "auto-compaction": "true", "compaction.file-size": size,
			"compaction.parallelism": "1", "sink.partition-commit.policy.kind": "success-file",
		},
	}
}

func (m *merging) sink(path, size string) connect.ColumnSink {
	m.t.Helper()
	table, err := m.factory.NewSink(m.spec(path, size))
	must(m.t, "make the table", err)
	sink, err := table.Sink(connect.Insert{})
	must(m.t, "make the sink", err)
	return sink
}

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
		w, err := m.sink(m.dir, "1mb").Writer(m.context(subtask, 3), nil)
		must(m.t, "make a writer", err)
		b := column.NewBatch(mergingSchema)
		for partition := range 3 - subtask {
			text := fmt.Sprintf("row of subtask %d", subtask)
			b.Cols[0].AppendI32(int32(subtask))
			b.Cols[1].AppendString(text)
			b.Cols[2].AppendI32(int32(partition))
			b.N++
			m.rows = append(m.rows, fmt.Sprintf("%d %s %d", subtask, text, partition))
		}
		must(m.t, "write", w.Write(b))
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
func (m *merging) commit(l *Life, p *connect.Prepared, size string) error {
	m.t.Helper()
	registerMortal()
	there, below := filesystem.Split(m.dir)
	root := fmt.Sprintf("%s://%p", mortal, l)
	mortals.Store(root, l.Of(m.files, root, there))
	defer mortals.Delete(root)
	c, err := m.sink(root+below, size).(connect.GlobalTwoPhase).GlobalCommitter(m.context(0, 1), nil)
	must(m.t, "make a committer", err)
	return errors.Join(c.Commit(clonePortion(p)), c.Close())
}

// killed has the process that commits be killed, and reports whether it was.
func (m *merging) killed(steps int, effect bool) bool {
	m.t.Helper()
	p := m.write()
	for _, life := range []*Life{{Steps: steps, Effect: effect}, {Steps: steps*7%23 + 1, Effect: !effect}} {
		err := m.commit(life, &p, "1mb")
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
		must(m.t, "commit again", m.commit(&Life{Steps: math.MaxInt}, &p, "1b"))
		m.wantAll()
	}
	return true
}

// visible are the rows that can be read.
func (m *merging) visible() (rows []string) {
	m.t.Helper()
	table, err := m.factory.NewSource(m.spec(m.dir, "1mb"))
	must(m.t, "make the table", err)
	source, err := table.Scan(connect.Scan{})
	must(m.t, "make the source", err)
	rows, err = NewDriver(m.t, Rows(source, func(b *column.Batch) (rows []string) {
		for i := range b.Len() {
			at := b.Row(i)
			rows = append(rows, fmt.Sprintf("%d %s %d", b.Cols[0].I32[at], b.Cols[1].Bytes(at), b.Cols[2].I32[at]))
		}
		return rows
	}), 1, nil).Read(0)
	must(m.t, "read", err)
	slices.Sort(rows)
	return rows
}

// wantWhole: no row is there twice, and partitions that say that they are complete are.
func (m *merging) wantWhole() {
	m.t.Helper()
	rows := m.visible()
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
	if got := m.visible(); !slices.Equal(got, m.rows) {
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

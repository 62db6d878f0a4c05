package file

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/filesystem"
	jsonformat "github.com/flott-dev/flott/format/json"
	"github.com/flott-dev/flott/metric"
)

func TestTableWithCompactionIsASink(t *testing.T) {
	tableIsASink(t, "auto-compaction=true", "compaction.file-size=200b", "compaction.parallelism=2")
}

// TestPack compares with the promise: no unit of several is too large, all parts are in one, the order does not count.
func TestPack(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		var parts []filesystem.Pending
		for i := range rng.IntN(40) {
			parts = append(parts, filesystem.Pending{Name: fmt.Sprint("part-", i), Bytes: rng.Int64N(120)})
		}
		units := pack(slices.Clone(parts), 100)
		rng.Shuffle(len(parts), func(i, j int) { parts[i], parts[j] = parts[j], parts[i] })
		again := pack(slices.Clone(parts), 100)
		if fmt.Sprint(units) != fmt.Sprint(again) {
			t.Fatalf("%v, and in another order %v", units, again)
		}
		count := 0
		for _, u := range units {
			count += len(u)
			bytes := int64(0)
			for _, p := range u {
				bytes += p.Bytes
			}
			if len(u) > 1 && bytes > 100 {
				t.Errorf("a unit of %d files has %d bytes", len(u), bytes)
			}
		}
		if count != len(parts) {
			t.Errorf("%d of %d files are in units", count, len(parts))
		}
	}
}

// errDead is what everything gives after a process was killed.
var errDead = errors.New("killed")

// dying is a disk on which a number of steps are done, and none after them. The last one may be done in part.
type dying struct{ steps int }

func (d *dying) step() error {
	if d.steps--; d.steps < 0 {
		return errDead
	}
	return nil
}

func (d *dying) do(f func() error) error {
	if err := d.step(); err != nil {
		return err
	}
	return f()
}

func (d *dying) disk() compactorDisk {
	return compactorDisk{
		create: func(path string) (f compactedFile, err error) {
			err = d.do(func() error {
				f, err = osCompactorDisk.create(path)
				return err
			})
			return &dyingFile{f, d}, err
		},
		rename: func(from, to string) error { return d.do(func() error { return os.Rename(from, to) }) },
		remove: func(path string) error { return d.do(func() error { return os.Remove(path) }) },
		sync:   func(string) error { return d.step() },
	}
}

type dyingFile struct {
	compactedFile
	d *dying
}

// Write writes half of what it is given when the process is killed.
func (f *dyingFile) Write(b []byte) (int, error) {
	if err := f.d.step(); err != nil {
		n, _ := f.compactedFile.Write(b[:len(b)/2])
		return n, err
	}
	return f.compactedFile.Write(b)
}

// dyingFiles make files visible as one step.
type dyingFiles struct {
	filesystem.FileSystem
	disk compactorDisk
}

func (f dyingFiles) Commit(ctx context.Context, dir string, files []filesystem.Pending) error {
	for _, p := range files {
		hidden, target := filepath.Join(dir, p.Token), filepath.Join(dir, p.Name)
		if there, err := exists(hidden); err != nil || !there {
			return errors.Join(err, f.FileSystem.Commit(ctx, dir, []filesystem.Pending{p}))
		}
		if err := f.disk.rename(hidden, target); err != nil {
			return err
		}
	}
	return nil
}

func (f *dyingFile) Sync() error { return f.d.step() }

func (f *dyingFile) Close() error {
	if f.compactedFile == nil {
		return nil
	}
	return f.compactedFile.Close()
}

// TestCompactionSurvivesKills merges files of several subtasks, with the process killed before each step in turn and
// the options changed after it: the rows are visible once, and in the files that there would have been.
func TestCompactionSurvivesKills(t *testing.T) {
	for _, format := range []string{"json", "avro", "parquet"} {
		t.Run(format, func(t *testing.T) {
			kills := 0
			for ; ; kills++ {
				if done := killedCompaction(t, format, kills); done {
					break
				}
			}
			if kills < 8 {
				t.Errorf("there are %d steps only", kills)
			}
		})
	}
}

// killedCompaction is killed after some steps, and reports whether they were all.
func killedCompaction(t *testing.T, format string, steps int) bool {
	table := spec("n INT, s STRING, p INT", "path="+t.TempDir(), "format="+format, "auto-compaction=true", "compaction.file-size=1mb", "compaction.parallelism=1")
	table.Partitions = []string{"p"}
	prepared := connect.Prepared{Watermark: math.MinInt64}
	wc := connect.WriterContext{Context: t.Context(), Metrics: &metric.Group{}, Now: time.Now, WakeAt: func(time.Time) {}, Parallelism: 3}
	sink := openSink(t, table, connect.Insert{}).(connect.GlobalTwoPhase)
	var want []string
	for wc.Subtask = range 3 {
		w, err := sink.(connect.ColumnSink).Writer(wc, nil)
		must(t, err)
		for p := range 2 {
			if wc.Subtask == 2 && p == 1 {
				continue // the partition has files of two
			}
			n := wc.Subtask*10 + p
			must(t, w.Write(encoded(t, table.Schema, jsonformat.Factory, fmt.Sprintf(`{"n":%d,"s":"row %d","p":%d}`, n, n, p))))
			want = append(want, fmt.Sprintf(`[%d,"row %d",%d]`, n, n, p))
		}
		must(t, w.Flush(false))
		items, err := w.(connect.Preparer).Prepare(1)
		must(t, err)
		prepared.Committables = append(prepared.Committables, items...)
		must(t, w.Close())
	}
	commit := func(disk compactorDisk) error {
		c, err := openSink(t, table, connect.Insert{}).(connect.GlobalTwoPhase).GlobalCommitter(wc, nil)
		must(t, err)
		k := c.(*partitionCommitter).Committer.(*compactor)
		k.files = disk
		k.committer.files = dyingFiles{filesystem.Local, disk}
		return c.Commit(&prepared)
	}
	err := commit((&dying{steps}).disk())
	if err != nil && !errors.Is(err, errDead) {
		t.Fatal(err)
	}
	visible := mustRead(t, table, connect.Scan{})
	slices.Sort(visible)
	for i := 1; i < len(visible); i++ {
		if visible[i] == visible[i-1] {
			t.Fatalf("after %d steps there are %v", steps, visible)
		}
	}
	table.Options["compaction.file-size"] = "1b"
	for range 2 {
		must(t, commit(osCompactorDisk))
	}
	got := mustRead(t, table, connect.Scan{})
	slices.Sort(got)
	equal(t, got, slices.Sorted(slices.Values(want)))
	var files []string
	must(t, filepath.WalkDir(table.Options["path"], func(path string, e os.DirEntry, err error) error {
		if err == nil && !e.IsDir() {
			files = append(files, filepath.Join(filepath.Base(filepath.Dir(path)), e.Name()))
		}
		return err
	}))
	if got := strings.Join(files, " "); got != "p=0/part-0-0 p=1/part-0-1" {
		t.Fatalf("after %d steps and again the files are %s", steps, got)
	}
	return err == nil
}

func TestCompactionErrors(t *testing.T) {
	filesystem.Register("store", func(string) (filesystem.FileSystem, error) { return filesystem.Local, nil })
	table := spec("n INT", "path="+t.TempDir(), "format=json", "auto-compaction=true")
	c, err := openSink(t, table, connect.Insert{}).(connect.GlobalTwoPhase).GlobalCommitter(connect.WriterContext{Now: time.Now}, nil)
	must(t, err)
	var items [][]byte
	for i := range 3 {
		p := filesystem.Pending{Token: fmt.Sprint(".part-0-", i, ".inprogress.1"), Name: fmt.Sprint("part-0-", i), Bytes: 3}
		items = append(items, encodeMergeable(100, appendPending(nil, p)))
		if i != 1 {
			writeFile(t, filepath.Join(table.Options["path"], p.Token), "{}\n")
		}
	}
	if err := c.Commit(&connect.Prepared{Committables: items}); err == nil || !strings.Contains(err.Error(), "of the 3 files that are merged") {
		t.Errorf("without one of the files: %v", err)
	}
	for options, want := range map[string]string{
		"path=/x compaction.file-size=0": `compaction.file-size: "0" is not a size`,
		"path=store://bucket/x":          "merges files on disks, not in store://bucket",
	} {
		_, err := Table.NewSink(spec("n INT", append(strings.Fields(options), "format=json", "auto-compaction=true")...))
		wantError(t, err, want)
	}
}

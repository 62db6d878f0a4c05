package file

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/connecttest"
	"github.com/flott-dev/flott/connect/filesystem"
	formats "github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/format/avro"
	jsonformat "github.com/flott-dev/flott/format/json"
	"github.com/flott-dev/flott/format/parquet"
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

// TestCompactionSurvivesKills is about disks; the packages of other file systems have tests of the same.
func TestCompactionSurvivesKills(t *testing.T) {
	for _, f := range []formats.Factory{jsonformat.Factory, avro.Factory, parquet.Factory} {
		t.Run(f.Name, func(t *testing.T) {
			t.Parallel() // most of the time is that of the disk
			connecttest.Merging(t, connecttest.FileSystemOptions{
				Open: func(*testing.T) filesystem.FileSystem { return filesystem.Local },
				Dir:  func(t *testing.T) string { return t.TempDir() },
			}, connecttest.MergingTable(t, Table, f))
		})
	}
}

// TestFilesOfEarlierCheckpoints makes files visible that a checkpoint of an earlier version knows, at each point at which the
// process may have been killed that merged them.
func TestFilesOfEarlierCheckpoints(t *testing.T) {
	for kind, tc := range map[string]struct{ there, want string }{
		"nothing was begun":       {".a=1 .b=2 .c=3", "a=1 b=2 c=3"},
		"a merge was begun":       {".a=1 .b=2 .c=3 .a.compacting=1", ".a.compacting=1 a=1 b=2 c=3"},
		"all rows were in one":    {".a=1 .b=2 .c=3 .a.compacted=123", "a=123"},
		"one was removed":         {".a=1 .c=3 .a.compacted=123", "a=123"},
		"all were removed":        {".a=1 .a.compacted=123", "a=123"},
		"the first one has all":   {".a=123", "a=123"},
		"the merged is visible":   {"a=123", "a=123"},
		"all but one are visible": {"a=1 b=2 .c=3", "a=1 b=2 c=3"},
		"one was deleted":         {".a=1 .c=3", "was it deleted?"},
	} {
		t.Run(kind, func(t *testing.T) {
			dir := t.TempDir()
			for f := range strings.FieldsSeq(tc.there) {
				name, content, _ := strings.Cut(f, "=")
				writeFile(t, filepath.Join(dir, name), content)
			}
			c, err := openSink(t, spec("n INT", "path="+dir, "format=json", "auto-compaction=true"), connect.Insert{}).(connect.GlobalTwoPhase).
				GlobalCommitter(connect.WriterContext{Context: t.Context(), Now: time.Now}, nil)
			must(t, err)
			var items [][]byte
			for _, name := range []string{"a", "b", "c"} {
				items = append(items, []byte("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfd"+"\x64"+"\x01"+"\x02."+name+"\x01"+name))
			}
			for range 2 {
				if err := c.Commit(&connect.Prepared{Committables: items}); err != nil {
					wantError(t, err, tc.want)
					return
				}
				entries, err := os.ReadDir(dir)
				must(t, err)
				var got []string
				for _, e := range entries {
					content, err := os.ReadFile(filepath.Join(dir, e.Name()))
					must(t, err)
					got = append(got, e.Name()+"="+string(content))
				}
				if strings.Join(got, " ") != tc.want {
					t.Errorf("there are %s, want %s", got, tc.want)
				}
			}
		})
	}
}

// TestEncodingOfMergedFiles holds what savepoints have.
func TestEncodingOfMergedFiles(t *testing.T) {
	const committable = "\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfd" + "\xc8\x01" + "\x08" + "\x14.part-0-0.inprogress" + "\x18.uncompacted-part-0-0-ab"
	p, most, err := decodeMergeable([]byte(committable))
	want := filesystem.Pending{Token: ".part-0-0.inprogress", Name: ".uncompacted-part-0-0-ab", Bytes: 8}
	if p != want || most != 200 || err != nil || string(encodeMergeable(most, appendPending(nil, p))) != committable {
		t.Errorf("%+v up to %d, %v", p, most, err)
	}
}

// TestCompactionBegins has files of a snapshot of a time when files were not merged become visible as they are.
func TestCompactionBegins(t *testing.T) {
	table := spec("n INT", "path="+t.TempDir(), "format=json")
	wc := connect.WriterContext{Context: t.Context(), Metrics: &metric.Group{}, Now: time.Now, WakeAt: func(time.Time) {}, Parallelism: 1}
	start := func(states ...[]byte) connect.ColumnWriter {
		t.Helper()
		w, err := openSink(t, table, connect.Insert{}).Writer(wc, states)
		must(t, err)
		return w
	}
	w := start()
	must(t, w.Write(encoded(t, table.Schema, jsonformat.Factory, `{"n":1}`)))
	must(t, w.Flush(false))
	state, err := w.Snapshot()
	must(t, err)
	must(t, w.Close())
	table.Options["auto-compaction"] = "true"
	w = start(state)
	must(t, w.Write(encoded(t, table.Schema, jsonformat.Factory, `{"n":2}`)))
	must(t, w.Flush(false))
	items, err := w.(connect.Preparer).Prepare(1)
	must(t, err)
	must(t, w.Close())
	c, err := openSink(t, table, connect.Insert{}).(connect.GlobalTwoPhase).GlobalCommitter(wc, nil)
	must(t, err)
	must(t, c.Commit(&connect.Prepared{Committables: items}))
	equal(t, slices.Sorted(slices.Values(mustRead(t, table, connect.Scan{}))), []string{"[1]", "[2]"})
}

func TestCompactionErrors(t *testing.T) {
	dir := t.TempDir()
	table := spec("n INT", "path="+dir, "format=json", "auto-compaction=true")
	c, err := openSink(t, table, connect.Insert{}).(connect.GlobalTwoPhase).GlobalCommitter(connect.WriterContext{Context: t.Context(), Now: time.Now}, nil)
	must(t, err)
	var items [][]byte
	for i := range 3 {
		p := filesystem.Pending{Token: fmt.Sprint(".part-0-", i, ".inprogress.1"), Name: fmt.Sprint(".uncompacted-part-0-", i, "-x"), Bytes: 3}
		items = append(items, encodeMergeable(100, appendPending(nil, p)))
		if i != 1 {
			writeFile(t, filepath.Join(dir, p.Token), "{}\n")
		}
	}
	wantError(t, c.Commit(&connect.Prepared{Committables: items}), `merge 3 files into "compacted-part-0-0-x"`, ".part-0-1.inprogress.1", "was it deleted?")
	writeFile(t, filepath.Join(dir, ".part-0-1.inprogress.1"), "{}{}\n")
	wantError(t, c.Commit(&connect.Prepared{Committables: items}), ".uncompacted-part-0-1-x", "it has 5 bytes, but the checkpoint knows 3")
	_, err = Table.NewSink(spec("n INT", "path=/x", "compaction.file-size=0", "format=json", "auto-compaction=true"))
	wantError(t, err, `compaction.file-size: "0" is not a size`)
}

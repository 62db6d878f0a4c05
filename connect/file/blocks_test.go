package file

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	columns "github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/connecttest"
	formats "github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/format/avro"
	"github.com/flott-dev/flott/format/formattest"
	"github.com/flott-dev/flott/format/json"
	"github.com/flott-dev/flott/format/parquet"
)

// fileFormats are those that have files of their own.
var fileFormats = []formats.Factory{avro.Factory, parquet.Factory}

const blockColumns = "n INT, s STRING, a ARRAY<INT>"

// writeBlocks writes a file of rows in a format, several blocks long, and returns the rows.
func writeBlocks(t testing.TB, f formats.Factory, path string, rows int) []string {
	t.Helper()
	table := &formats.Table{Schema: formattest.Schema(blockColumns)}
	rng := rand.New(rand.NewPCG(uint64(rows), 1))
	var batches []*columns.Batch
	for from := 0; from < rows; from += 1000 {
		b := formattest.RandomBatch(rng, table.Schema, min(1000, rows-from))
		batches = append(batches, b)
	}
	writeFile(t, path, string(formattest.WriteFile(t, f, table, batches...)))
	var all []string
	for _, b := range batches {
		all = append(all, formattest.Rows(b)...)
	}
	return all
}

// TestBlocksAreASource reads files of formats that have files of their own, as whole and in ranges.
func TestBlocksAreASource(t *testing.T) {
	for _, f := range fileFormats {
		t.Run(f.Name, func(t *testing.T) {
			dir := t.TempDir()
			var want []string
			for i := range 2 {
				for _, row := range writeBlocks(t, f, filepath.Join(dir, fmt.Sprintf("p=%d", i), "file"), 60+i) {
					want = append(want, fmt.Sprintf("%s,%d]", strings.TrimSuffix(row, "]"), i))
				}
			}
			table := spec(blockColumns+", p INT", "path="+dir, "format="+f.Name)
			table.Partitions = []string{"p"}
			equal(t, mustRead(t, table, connect.Scan{}), want)
			if rows := mustRead(t, table, connect.Scan{Limit: 70}); len(rows) < 70 {
				t.Errorf("%d rows, want at least 70", len(rows))
			}
			connecttest.Source(t, func() connect.Source[string] { return open(t, table, connect.Scan{Project: []int{3, 1}}) }, connecttest.Options[string]{})
		})
	}
}

// TestRangesOfBlocks reads a file in ranges: each row comes once.
func TestRangesOfBlocks(t *testing.T) {
	for _, f := range fileFormats {
		dir := t.TempDir()
		want := slices.Sorted(slices.Values(writeBlocks(t, f, filepath.Join(dir, "file"), 9000)))
		source, err := Table.NewSource(spec(blockColumns, "path="+dir, "format="+f.Name))
		must(t, err)
		source.(*tableSource).cfg.splitBytes = 20_000
		if n, err := source.(connect.Parallel).Readers(100); n < 3 || err != nil {
			t.Errorf("%d readers (%v)", n, err)
		}
		cols, err := source.Scan(connect.Scan{})
		must(t, err)
		d := connecttest.NewDriver(t, connecttest.Rows(cols, formattest.Rows), 3, nil)
		got, err := d.Read(4000)
		must(t, err)
		from := d.Snapshot()
		d.Close()
		rest, err := connecttest.NewDriver(t, connecttest.Rows(cols, formattest.Rows), 2, from).Read(0)
		must(t, err)
		got = append(got, rest...)
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d rows, want %d", f.Name, len(got), len(want))
		}
	}
}

// TestBlocksAreASink writes files, each row exactly once.
func TestBlocksAreASink(t *testing.T) {
	for _, f := range fileFormats {
		t.Run(f.Name, func(t *testing.T) {
			connecttest.Sink(t, func(t *testing.T) connecttest.SinkTarget[string] {
				table := spec("s STRING, n INT", "path="+t.TempDir()+"/out", "format="+f.Name)
				return connecttest.SinkTarget[string]{
					Sink: connecttest.RowsSink(openSink(t, table, connect.Insert{}), func(records []string) *columns.Batch {
						return encoded(t, table.Schema, json.Factory, records...)
					}),
					Visible: func() (records []string) {
						if _, err := os.Stat(table.Options["path"]); err != nil {
							return nil
						}
						for _, r := range mustRead(t, table, connect.Scan{}) {
							var n int
							if _, err := fmt.Sscanf(strings.ReplaceAll(r, ",", " "), `["row" %d]`, &n); err != nil {
								t.Fatal(r, err)
							}
							records = append(records, fmt.Sprintf(`{"s":"row","n":%d}`, n))
						}
						return records
					},
				}
			}, connecttest.SinkOptions[string]{Record: func(n int) string { return fmt.Sprintf(`{"s":"row","n":%d}`, n) }, Seeds: 10})
		})
	}
}

// TestBlocksInAJob has a job copy a table of one format to one of another.
func TestBlocksInAJob(t *testing.T) {
	for _, f := range fileFormats {
		dir := t.TempDir()
		want := slices.Sorted(slices.Values(writeBlocks(t, f, filepath.Join(dir, "file"), 2500)))
		to := spec(blockColumns, "path="+t.TempDir(), "format="+f.Name)
		run(t, spec(blockColumns, "path="+dir, "format="+f.Name), to, 2)
		got := mustRead(t, to, connect.Scan{})
		slices.Sort(got)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d rows, want %d", f.Name, len(got), len(want))
		}
	}
}

// TestBlocksRefused are errors that say what to do.
func TestBlocksRefused(t *testing.T) {
	dir := t.TempDir()
	for _, f := range fileFormats {
		for name, want := range map[string]string{"file.gz": "not compressed as a whole", "file": "is no file of"} {
			path := writeFile(t, filepath.Join(dir, f.Name, name), "not a file of the format, with more than a few bytes")
			if _, err := readTable(t, spec(blockColumns, "path="+path, "format="+f.Name), connect.Scan{}); err == nil ||
				!strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), path) {
				t.Errorf("%s: %v; want %s", path, err, want)
			}
		}
		path := filepath.Join(dir, f.Name, "cut")
		writeBlocks(t, f, path, 3000)
		whole, err := os.ReadFile(path)
		must(t, err)
		must(t, os.WriteFile(path, whole[:len(whole)/2], 0o666))
		if _, err := readTable(t, spec(blockColumns, "path="+path, "format="+f.Name), connect.Scan{}); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("%s that is cut: %v", f.Name, err)
		}
	}
	lines := formats.Factory{Name: "bytes", Binary: true, NewDecoder: avro.Factory.NewDecoder, NewEncoder: avro.Factory.NewEncoder}
	table := spec("n INT", "path="+dir, "format=bytes")
	table.Formats = []formats.Factory{lines}
	_, err := Table.NewSource(table)
	_, err2 := Table.NewSink(table)
	for _, err := range []error{err, err2} {
		if err == nil || !strings.Contains(err.Error(), "cannot be the lines of a text") {
			t.Errorf("a format of bytes: %v", err)
		}
	}
}

package main

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/zeebo/xxh3"
)

// TestResultsEqualFlinks compares the final results of all queries, on files of 20,000 rows.
func TestResultsEqualFlinks(t *testing.T) {
	const rows = 20_000
	want, err := os.ReadFile(filepath.Join("testdata", "flink.txt"))
	if err != nil {
		t.Fatal(err)
	}
	hashes := map[string]string{}
	for line := range strings.Lines(string(want)) {
		if f := strings.Fields(line); f[0] != "#" {
			hashes[f[0]] = f[1]
		}
	}
	list, err := queries(nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(list) != 30 || len(hashes) != 30 {
		t.Fatalf("%d queries and %d results of Flink, not 30", len(list), len(hashes))
	}
	dir := t.TempDir()
	if err := generate(t.Context(), dir, rows); err != nil {
		t.Fatal(err)
	}
	for _, q := range list {
		t.Run(q.name, func(t *testing.T) {
			got, err := q.run(t.Context(), dir, rows, true)
			if err != nil {
				t.Fatal(err)
			}
			if got.OutputHash != hashes[q.name] {
				t.Errorf("hash %s; Flink has %s", got.OutputHash, hashes[q.name])
			}
			timed, err := q.run(t.Context(), dir, rows, false)
			if err != nil {
				t.Fatal(err)
			}
			if timed.OutputRows == 0 || timed.OutputHash != "" {
				t.Errorf("without the hash: %d rows, hash %q", timed.OutputRows, timed.OutputHash)
			}
		})
	}
}

// TestFilesAreTheSame holds the bytes of the files, which the results are of.
func TestFilesAreTheSame(t *testing.T) {
	dir := t.TempDir()
	if err := generate(t.Context(), dir, 1000); err != nil {
		t.Fatal(err)
	}
	h := xxh3.New()
	for _, name := range []string{
		"clicks.json", "customers.csv", "impressions.json", "ledger.csv", "logs.json", "movies.csv", "orders.csv", "rates.csv",
		"ratings.csv", "shipments.csv", "sparse.csv", "users.debezium.json",
	} {
		f, err := os.Open(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(h, f); err != nil {
			t.Fatal(err)
		}
		f.Close()
	}
	if got := fmt.Sprintf("%x", h.Sum64()); got != "62045afa921dd958" {
		t.Errorf("hash of all files %s", got)
	}
}

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect/file"
	"github.com/flott-dev/flott/flotttest"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// written reads the orders in the directories of days, as "day id customer amount currency".
func written(t *testing.T, dir string) []string {
	t.Helper()
	env := stream.NewEnv()
	orders := stream.From(env, file.JSONLines[Order](dir, file.Recursive()))
	var lines []string
	for _, o := range flotttest.Collect(t, env, orders) {
		day := o.Time.Format(time.DateOnly)
		if _, err := os.Stat(filepath.Join(dir, day)); err != nil {
			t.Error(err)
		}
		lines = append(lines, fmt.Sprint(day, " ", o.ID, " ", o.Customer, " ", o.Amount, o.Currency))
	}
	slices.Sort(lines)
	return lines
}

func TestDays(t *testing.T) {
	for _, m := range []stream.Mode{stream.Streaming, stream.Batch} {
		dir := t.TempDir()
		env := stream.NewEnv(stream.Parallelism(2), stream.RuntimeMode(m))
		var reports atomic.Int64
		job(env, "testdata/*.csv", dir, func(*file.Bad) { reports.Add(1) })
		j, err := launch.Start(t.Context(), env, "etl")
		if err != nil {
			t.Fatal(err)
		}
		if err := j.Wait(); err != nil {
			t.Fatal(err)
		}
		want := []string{
			"2024-03-01 1 ann 12.5EUR", "2024-03-01 2 bob 7USD", "2024-03-01 3 carl, jr. 100EUR",
			"2024-03-02 4 dora 3.2CHF", "2024-03-02 7 emil 55.05SEK",
			"2024-03-03 10 gus 18EUR", "2024-03-03 8 ann 0.99EUR",
		}
		if got := written(t, dir); !slices.Equal(got, want) {
			t.Errorf("got:\n%s", strings.Join(got, "\n"))
		}
		if n := bad(j); n != 3 || reports.Load() != 3 {
			t.Errorf("%d bad records counted, %d reported, want 3", n, reports.Load())
		}
	}
}

// orders writes n orders to some files and returns their pattern and what is to be written of them.
func orders(t *testing.T, n int) (pattern string, want []string) {
	t.Helper()
	dir := t.TempDir()
	start := time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC)
	for f := range 4 {
		text := "id,customer,time,currency,amount\n"
		for i := f; i < n; i += 4 {
			at := start.Add(time.Duration(i) * time.Hour)
			if i%17 == 0 {
				text += "bad,\n"
				continue
			}
			text += fmt.Sprintf("%d,ann,%s,eur,%d\n", i, at.Format(time.RFC3339), i%7)
			want = append(want, fmt.Sprint(at.Format(time.DateOnly), " ", i, " ann ", i%7, "EUR"))
		}
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprint(f, ".csv")), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	slices.Sort(want)
	return filepath.Join(dir, "*.csv"), want
}

// TestRestore stops the job at a random moment, throws away what it did since its snapshot, and
// restores it: the part files hold each record once.
func TestRestore(t *testing.T) {
	pattern, want := orders(t, 200)
	restored := 0
	for seed := range uint64(10) {
		rng := rand.New(rand.NewPCG(seed, 1))
		out := t.TempDir()
		env := func() *stream.Env {
			e := stream.NewEnv(stream.Parallelism(1+rng.IntN(3)), stream.MaxParallelism(8))
			job(e, pattern, out, func(*file.Bad) {})
			return e
		}
		ctx, cancel := context.WithCancel(t.Context())
		var snapshot *launch.Snapshot
		err := launch.Run(ctx, env(), "etl", launch.BatchRows(3),
			launch.SnapshotAtBatch(1+rng.Int64N(30), func(s *launch.Snapshot, err error) {
				if err == nil {
					snapshot = s
				}
				cancel()
			}))
		cancel()
		if err == nil {
			continue // it had ended before
		}
		if !errors.Is(err, launch.ErrCanceled) || snapshot == nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		restored++
		if err := launch.Run(t.Context(), env(), "etl", launch.BatchRows(3), launch.Restore(snapshot)); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		if got := written(t, out); !slices.Equal(got, want) {
			t.Errorf("seed %d: %d records, want %d:\n%s", seed, len(got), len(want), strings.Join(got, "\n"))
		}
	}
	if restored == 0 {
		t.Error("no run was restored")
	}
}

package main

import (
	"context"
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect/discard"
	"github.com/flott-dev/flott/examples/balances/bank"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

// running starts examples/balances, waits for a checkpoint, and returns its directory.
func running(t *testing.T) (dir string, j *launch.Job) {
	t.Helper()
	dir = t.TempDir()
	env := stream.NewEnv(stream.Parallelism(2), stream.Checkpoint(time.Hour), stream.CheckpointDir(dir))
	payments := bank.Payments(env, 0, 5000)
	read := make(chan struct{}, 1)
	balances := stream.Map(bank.Balances(payments), func(b bank.Balance) bank.Balance {
		if b.Payments == 200 {
			select {
			case read <- struct{}{}:
			default:
			}
		}
		return b
	})
	balances.To(discard.To[bank.Balance]())
	bank.Incomes(payments).To(discard.To[stream.Result[string, int64]]())
	j, err := launch.Start(t.Context(), env, "balances")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		j.Cancel()
		_ = j.Wait()
	})
	<-read
	if _, err := j.Checkpoint(t.Context()); err != nil {
		t.Fatal(err)
	}
	return dir, j
}

func TestStateOfARunningJob(t *testing.T) {
	dir, _ := running(t)
	ctx := context.Background()
	out := captured(t, func() error { return (&stateLsCmd{Path: dir}).Run(ctx) })
	for _, want := range []string{
		`checkpoint 1 of job "balances"`, "uid balances", "uid incomes", "slices", "ENTRIES", "by day",
		"bank.Balance{Cents int64",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	out = captured(t, func() error { return (&stateLsCmd{Path: dir, JSON: true}).Run(ctx) })
	var l listing
	if err := json.Unmarshal([]byte(out), &l); err != nil || len(l.Operators) < 3 {
		t.Fatalf("%v in\n%s", err, out)
	}
	cat := stateCatCmd{Path: dir, UID: "balances", State: "balance", Key: "ada", Format: "json"}
	out = captured(t, func() error { return cat.Run(ctx) })
	var row struct {
		Key   string
		Value bank.Balance
	}
	if err := json.Unmarshal([]byte(out), &row); err != nil || row.Key != "ada" || row.Value.Payments < 1 ||
		row.Value.Last.Account != "ada" {
		t.Errorf("%v, %+v in\n%s", err, row, out)
	}
	cat = stateCatCmd{Path: dir, UID: "balances", State: "by day", Limit: 3, Format: "csv"}
	out = captured(t, func() error { return cat.Run(ctx) })
	records, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil || len(records) != 4 || strings.Join(records[0], " ") != "key entry value" ||
		!strings.HasPrefix(records[1][2], "[") || !strings.Contains(out, "\r\n") {
		t.Errorf("%v in\n%s", err, out)
	}
	cat = stateCatCmd{Path: dir, UID: "incomes", State: "slices", Format: "table"}
	out = captured(t, func() error { return cat.Run(ctx) })
	if !strings.HasPrefix(out, "KEY") || !strings.Contains(out, "START") || !strings.Contains(out, "2026-01-01") {
		t.Errorf("got\n%s", out)
	}
}

func TestStateErrors(t *testing.T) {
	dir, j := running(t)
	ctx := context.Background()
	path, err := j.Savepoint(ctx, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	empty := t.TempDir()
	if err := os.WriteFile(filepath.Join(empty, "x"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		cmd  stateCatCmd
		want string
	}{
		{stateCatCmd{Path: filepath.Join(empty, "none")}, "does not exist"},
		{stateCatCmd{Path: empty}, "neither a savepoint nor a checkpoint"},
		{stateCatCmd{Path: dir}, "name an operator with --uid; there is balances, incomes"},
		{stateCatCmd{Path: path, UID: "balance"}, `did you mean "balances"?`},
		{stateCatCmd{Path: path, UID: "balances"}, "there is balance, by day"},
		{stateCatCmd{Path: path, UID: "balances", State: "balanse"}, `did you mean "balance"?`},
	} {
		if err := c.cmd.Run(ctx); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %s", c.cmd, err, c.want)
		}
	}
	rehash := stateRehashCmd{MaxParallelism: 9, From: path, To: filepath.Join(empty, "rehashed")}
	if out := captured(t, func() error { return rehash.Run(ctx) }); !strings.Contains(out, "9 key groups") {
		t.Errorf("got %s", out)
	}
	manifest := filepath.Join(strings.TrimPrefix(path, "file://"), "_metadata")
	data, err := os.ReadFile(manifest)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(manifest, data[:len(data)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if err := (&stateLsCmd{Path: path}).Run(ctx); err == nil || !strings.Contains(err.Error(), manifest) {
		t.Errorf("a torn manifest: %v", err)
	}
}

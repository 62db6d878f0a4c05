package taskmanager

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/control"
)

// TestLogsKept: the oldest logs of workers go, but not those of workers that run.
func TestLogsKept(t *testing.T) {
	tm := &taskManager{
		o:       Options{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)},
		workers: map[string]*worker{"0-0-0": {name: "0-0-0"}},
	}
	dir := filepath.Join(tm.o.Dir, "log")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := func(i int) string { return filepath.Join(dir, control.WorkerLog(fmt.Sprintf("%d-0-0", i))) }
	for i := range logsKept + 11 {
		if err := os.WriteFile(path(i), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.Unix(int64(1_000_000+i), 0)
		if err := os.Chtimes(path(i), at, at); err != nil {
			t.Fatal(err)
		}
	}
	tm.dropLogs()
	for late := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		entries, err := os.ReadDir(dir)
		if err != nil || time.Now().After(late) {
			t.Fatal(len(entries), err)
		}
		if len(entries) == logsKept+1 {
			break
		}
	}
	for i, there := range map[int]bool{0: true, 1: false, 10: false, 11: true, logsKept + 10: true} {
		if _, err := os.Stat(path(i)); (err == nil) != there {
			t.Errorf("log %d is there: %v, want %v", i, err == nil, there)
		}
	}
}

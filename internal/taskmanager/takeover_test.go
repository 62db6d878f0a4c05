package taskmanager

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/durable"
)

// TestTakeOver: a TaskManager removes what one that was killed has left of its workers, keeps logs, and has its directory for itself.
func TestTakeOver(t *testing.T) {
	o := Options{Dir: t.TempDir(), Log: slog.New(slog.DiscardHandler)}
	left, log := filepath.Join(o.Dir, "workers", "w-1", "tmp"), filepath.Join(o.Dir, "log")
	for _, dir := range []string{left, log} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "file"), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	lock, err := o.takeOver()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Error("the files of a worker are left", err)
	}
	if _, err := os.Stat(filepath.Join(log, "file")); err != nil {
		t.Error(err)
	}
	if err := Run(context.Background(), o, time.Second); !errors.Is(err, durable.ErrLocked) {
		t.Errorf("a second TaskManager in the directory: %v", err)
	}
	lock.Unlock()
	again, err := o.takeOver()
	if err != nil {
		t.Fatal(err)
	}
	again.Unlock()
}

package taskmanager

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/actor"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/logging"
	"github.com/flott-dev/flott/internal/process"
	"github.com/flott-dev/flott/internal/result"
	"github.com/flott-dev/flott/internal/wire"
)

// TestWorkerSpec: a worker finds the TaskManager's heartbeats and certificates in its spec, a file that nobody else can read.
func TestWorkerSpec(t *testing.T) {
	dir := t.TempDir()
	artifacts, err := process.OpenArtifacts(filepath.Join(dir, "artifacts"), 0, clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	const program = "#!/bin/sh\ncp -p \"$" + control.WorkerVariable + "\" \"$1\"\n"
	hash, err := process.HashOf(strings.NewReader(program))
	if err != nil {
		t.Fatal(err)
	}
	a, err := artifacts.Put(hash, strings.NewReader(program))
	if err != nil {
		t.Fatal(err)
	}
	a.Close()
	tls := control.TLSFiles{Cert: "/c", Key: "/k", CA: "/a"}
	var level slog.LevelVar
	level.Set(slog.LevelWarn)
	tm := &taskManager{ctx: context.Background(), o: Options{
		LogFormat: logging.JSON, LogLevel: &level,
		Host: "here", LostTimeout: time.Minute, Dir: dir, Artifacts: artifacts, Clock: clock.System{},
		Wire: wire.Options{Heartbeat: 3 * time.Second, Timeout: 20 * time.Second}, TLS: &tls,
	}}
	seen := filepath.Join(dir, "seen")
	job := control.Submission{ID: "1", Name: "orders", Program: control.Program{Hash: hash.String(), Args: []string{seen}}}
	tm.results = &results{}
	if tm.results.dir, err = result.OpenDir(filepath.Join(dir, "results")); err != nil {
		t.Fatal(err)
	}
	tm.actor.Runner = actor.Goroutines{}
	tm.leader.address = "jm:1"
	exit, err := tm.run(&worker{name: "w", job: "1"}, &control.StartWorker{Name: "w", Job: job})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(exit, err)
	}
	var got control.WorkerSpec
	if err := json.Unmarshal(text, &got); err != nil {
		t.Fatal(err)
	}
	got.Job = control.Submission{}
	want := control.WorkerSpec{
		Name: "w", JobManager: "jm:1", Leader: filepath.Join(dir, "jobmanager"), LostTimeout: int64(time.Minute), Host: "here", TempDir: filepath.Join(dir, "workers", "w", "tmp"),
		ResultDir: filepath.Join(dir, "results", "1"), LogFormat: logging.JSON, LogLevel: slog.LevelWarn,
		Heartbeat: 3 * time.Second, HeartbeatTimeout: 20 * time.Second, TLS: &tls,
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("the worker gets %+v, want %+v", got, want)
	}
	if info, err := os.Stat(seen); err != nil || info.Mode().Perm() != 0o600 {
		t.Error("the spec can be read by others", info.Mode(), err)
	}
	if _, err := os.Stat(filepath.Join(dir, "workers", "w")); !os.IsNotExist(err) {
		t.Error("the worker's directory is left", err)
	}
}

package taskmanager

import (
	"context"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"

	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/process"
)

// TestPrograms: a program is fetched once, must have its hash, and must be for this machine.
func TestPrograms(t *testing.T) {
	artifacts, err := process.OpenArtifacts(t.TempDir(), 0, clock.System{})
	if err != nil {
		t.Fatal(err)
	}
	const text = "a program"
	hash, err := process.HashOf(strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	fetched, sent := 0, text
	tm := &taskManager{ctx: context.Background(), o: Options{
		Artifacts: artifacts,
		Fetch: func(_ context.Context, url, _ string) (io.ReadCloser, error) {
			fetched++
			if url != "https://manager:8081" {
				t.Errorf("it is fetched from %s", url)
			}
			return io.NopCloser(strings.NewReader(sent)), nil
		},
	}}
	tm.registered("manager:6123", &control.Registered{REST: "https://:8081"})
	s := &control.Submission{Name: "orders", Program: control.Program{Hash: hash.String(), Platform: "plan9/mips"}}
	want := "the program of job \"orders\" is for plan9/mips, and this TaskManager runs on " + runtime.GOOS
	if _, err := tm.program(s); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
	s.Platform = runtime.GOOS + "/" + runtime.GOARCH
	sent = "another program"
	if _, err := tm.program(s); err == nil {
		t.Error("a program of another content was taken")
	}
	sent = text
	for range 2 {
		a, err := tm.program(s)
		if err != nil {
			t.Fatal(err)
		}
		a.Close()
	}
	if fetched != 2 {
		t.Errorf("fetched %d times, want 2: the wrong one, and the right one once", fetched)
	}
	tm.o.Fetch = nil
	s.Hash = strings.Repeat("0", 64)
	if _, err := tm.program(s); !errors.Is(err, process.ErrNoArtifact) {
		t.Error(err)
	}
}

// TestWhereProgramsAre: the JobManager says where its REST interface is, at the host by which it is reached if it listens on
// all addresses.
func TestWhereProgramsAre(t *testing.T) {
	for _, c := range []struct{ reached, told, want string }{
		{"10.0.0.1:6123", "http://127.0.0.1:8081", "http://127.0.0.1:8081"},
		{"10.0.0.1:6123", "http://:8081", "http://10.0.0.1:8081"},
		{"[fe80::1]:6123", "https://:443", "https://[fe80::1]:443"},
		{"manager.example:6123", "https://rest.example:443", "https://rest.example:443"},
	} {
		tm := &taskManager{}
		tm.registered(c.reached, &control.Registered{REST: c.told})
		if got := tm.rest(); got != c.want {
			t.Errorf("reached by %s and told %s: %s, want %s", c.reached, c.told, got, c.want)
		}
	}
}

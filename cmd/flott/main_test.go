package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flott-dev/flott/connect/nexmark"
)

// captured runs f with standard output going to a file, and returns what was written.
func captured(t *testing.T, f func() error) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "out")
	file, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	saved := os.Stdout
	os.Stdout = file
	err = f()
	os.Stdout = saved
	if closeErr := file.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestNexmarkPrintsOneObjectForEachQuery(t *testing.T) {
	c := nexmarkRunCmd{Queries: []string{"q2", "q12"}, Parallelism: 1, Repeat: 2, Hash: true, JSON: true}
	c.Events, c.Rate = 50_000, 100_000
	out := captured(t, func() error { return c.Run(context.Background()) })
	lines := strings.Split(strings.TrimSpace(out), "\n")
	if len(lines) != 2 {
		t.Fatalf("got\n%s", out)
	}
	for i, name := range c.Queries {
		var r map[string]any
		if err := json.Unmarshal([]byte(lines[i]), &r); err != nil {
			t.Fatal(err)
		}
		if r["query"] != name || r["events"] != 50_000.0 || r["output_rows"] == 0.0 || r["output_hash"] == "" {
			t.Errorf("got %v", r)
		}
	}
}

func TestNexmarkIsConfigured(t *testing.T) {
	conf := filepath.Join(t.TempDir(), "config.yaml")
	if err := os.WriteFile(conf, []byte("parallelism.default: 3\nstate.backend: rocksdb\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := nexmarkRunCmd{Queries: []string{"q12"}, JSON: true, configFlags: configFlags{Conf: conf, Set: []string{"parallelism.default=2"}}}
	c.Events, c.Rate = 20_000, 100_000
	out := captured(t, func() error { return c.Run(context.Background()) })
	if !strings.Contains(out, `"parallelism":2,"state_backend":"pebble"`) {
		t.Errorf("got %s", out)
	}
	c.Set = []string{"paralelism.default=2"}
	if err := c.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "parallelism.default") {
		t.Errorf("error %v", err)
	}
}

func TestNexmarkNamesTheQueriesThereAre(t *testing.T) {
	c := nexmarkRunCmd{Queries: []string{"q99"}}
	c.Events = 1
	if err := c.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "q0 q1 q2") {
		t.Errorf("error %v", err)
	}
}

func TestGenerateWritesTheEvents(t *testing.T) {
	for _, format := range []string{"json", "csv"} {
		dir := filepath.Join(t.TempDir(), "new")
		c := nexmarkGenerateCmd{Format: format, Dir: dir}
		c.Events, c.Rate, c.Seed = 1000, 100_000, 1
		captured(t, func() error { return c.Run(context.Background()) })
		text, err := os.ReadFile(filepath.Join(dir, "events."+format))
		if err != nil {
			t.Fatal(err)
		}
		want := 1000
		if format == "csv" {
			want++ // the heading
		}
		if n := bytes.Count(text, []byte("\n")); n != want {
			t.Errorf("%s: %d lines, want %d", format, n, want)
		}
		var e nexmark.Event
		if line, _, _ := bytes.Cut(text, []byte("\n")); format == "json" {
			if err := nexmark.ParseJSON(line, &e); err != nil || e.Kind != nexmark.KindPerson {
				t.Errorf("first event %v, %v", e, err)
			}
		}
		if _, err := os.Stat(filepath.Join(dir, "events."+format+".part")); err == nil {
			t.Error("the unfinished file is left")
		}
	}
}

func TestGraphOfAQuery(t *testing.T) {
	for format, want := range map[string]string{
		"text": "──HASH──▶ task 2", "json": `"strategy": "HASH"`, "svg": "<svg",
	} {
		c := graphCmd{Job: "q5", Format: format, Parallelism: 2}
		out := captured(t, func() error { return c.Run(context.Background()) })
		if !strings.Contains(out, want) {
			t.Errorf("%s does not contain %q:\n%s", format, want, out)
		}
	}
	c := graphCmd{Job: "nothing", Format: "text"}
	if err := c.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "neither") {
		t.Errorf("error %v", err)
	}
}

func TestDemoShowsBothJobsAndStops(t *testing.T) {
	out := captured(t, func() error {
		c := demoCmd{Seconds: 4, Rate: 20_000, Live: true}
		return c.Run(context.Background())
	})
	for _, want := range []string{
		"hottest auctions", "hostwatch", "records from the source", "busiest programs", "Stopped after",
	} {
		if !strings.Contains(out, want) {
			t.Errorf("the demo does not show %q:\n%s", want, out)
		}
	}
	if !strings.Contains(out, " bids ") || !strings.Contains(out, " cores ") {
		t.Errorf("the demo shows no results:\n%s", out)
	}
}

package main

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/flotttest"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// text rounds: sums of floating-point numbers depend on their order.
func text(s Share) string { return fmt.Sprintf("%s %.4f", s.Page, s.Rank) }

// want ranks without an engine.
func want(t *testing.T) []string {
	content, err := os.ReadFile("testdata/links.txt")
	if err != nil {
		t.Fatal(err)
	}
	links, ranks := map[string][]string{}, map[string]float64{}
	for line := range strings.Lines(string(content)) {
		from, to, _ := strings.Cut(strings.TrimSpace(line), " ")
		links[from] = append(links[from], to)
		ranks[from], ranks[to] = 1, 1
	}
	for range roundsMax {
		next := map[string]float64{}
		for p := range ranks {
			next[p] += 1 - damping
			for _, to := range links[p] {
				next[to] += damping * ranks[p] / float64(len(links[p]))
			}
		}
		ranks = next
	}
	var lines []string
	for p := range maps.Keys(ranks) {
		lines = append(lines, text(Share{p, ranks[p]}))
	}
	slices.Sort(lines)
	return lines
}

func TestRanks(t *testing.T) {
	for p := range 3 {
		env := stream.NewEnv(stream.Parallelism(p + 1))
		var got []string
		for _, s := range flotttest.Collect(t, env, job(env, "testdata/links.txt")) {
			got = append(got, text(s))
		}
		if slices.Sort(got); !slices.Equal(got, want(t)) {
			t.Errorf("parallelism %d: got\n%s\nwant\n%s", p+1, got, want(t))
		}
	}
}

func TestBrokenLine(t *testing.T) {
	path := filepath.Join(t.TempDir(), "links.txt")
	if err := os.WriteFile(path, []byte("a b\nb\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := stream.NewEnv()
	job(env, path).To(collect.To[Share]())
	err := launch.Run(t.Context(), env, "broken")
	if err == nil || !strings.Contains(err.Error(), "1 words in a line of links, want 2") {
		t.Errorf("the error is %v", err)
	}
}

func build(env *stream.Env, sink *collect.Sink[string]) {
	stream.Map(job(env, "testdata/links.txt"), text).To(sink)
}

func TestRestore(t *testing.T) { flotttest.CheckRestore(t, build, flotttest.RestoreOptions{}) }

func TestBatch(t *testing.T) { flotttest.CheckBatch(t, build, flotttest.BatchOptions{}) }

package main

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/examples/weblog/accesslog"
	"github.com/flott-dev/flott/flotttest"
	"github.com/flott-dev/flott/stream"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func line(host, clock, path string, bytes int) string {
	return fmt.Sprintf(`%s - - [02/Jan/2024:%s +0000] "GET %s HTTP/1.1" 200 %d "-" "-"`, host, clock, path,
		bytes)
}

// results are all outputs of the job as text.
func results(lines *stream.Stream[string]) *stream.Stream[string] {
	entries, visits := job(lines)
	return stream.Map(visits, Visit.String).Union(
		stream.Map(stream.Side(visits, late), func(e accesslog.Entry) string { return "late: " + e.Path }),
		stream.Map(stream.Side(entries, malformed), func(m Malformed) string { return "bad: " + m.Line }))
}

func TestVisits(t *testing.T) {
	lines := []string{
		line("a", "10:00:00", "/", 100), line("b", "10:01:00", "/style.css", 7),
		"no log line",
		line("a", "10:29:59", "/news/1.html", 50), line("a", "10:59:58", "/logo.png", 1000),
		line("b", "10:59:40", "/shop", 5), // out of order
		line("a", "11:29:59", "/", 1),     // after more than half an hour
		line("b", "12:30:00", "/", 2), line("b", "12:31:00", "/", 2), line("b", "10:40:00", "/old", 9),
	}
	want := []string{
		"2024-01-02 10:00:00  a                  2 pages     3 requests      1150 bytes in 59m58s",
		"2024-01-02 10:01:00  b                  0 pages     1 requests         7 bytes in 0s",
		"2024-01-02 10:59:40  b                  1 pages     1 requests         5 bytes in 0s",
		"2024-01-02 11:29:59  a                  1 pages     1 requests         1 bytes in 0s",
		"2024-01-02 12:30:00  b                  2 pages     2 requests         4 bytes in 1m0s",
		"bad: no log line",
		"late: /old",
	}
	env := stream.NewEnv(stream.WatermarkEachRow()) // lateness depends on the order of lines
	got := flotttest.Collect(t, env, results(stream.From(env, slice.Of(lines...))))
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func build(env *stream.Env, sink *collect.Sink[string]) {
	config := accesslog.Config{PerSecond: 1, Hosts: 5000, Late: 20 * time.Second}
	results(stream.From(env, made(config, 1500))).To(sink)
}

func TestRestore(t *testing.T) { flotttest.CheckRestore(t, build, flotttest.RestoreOptions{}) }

func TestUnalignedRestore(t *testing.T) {
	flotttest.CheckRestore(t, build, flotttest.RestoreOptions{Unaligned: true})
}

func TestBatch(t *testing.T) { flotttest.CheckBatch(t, build, flotttest.BatchOptions{}) }

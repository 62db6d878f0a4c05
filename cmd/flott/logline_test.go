package main

import (
	"bytes"
	"context"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/logging"
)

// TestLogLine reads lines as package logging writes them, in both formats, whatever is in them.
func TestLogLine(t *testing.T) {
	values := []string{"", "x", "a b", "a=b", `"quoted" and \`, "line\nbreak\ttab", "ünïcödé ☃", "\x1b[31mred\x00\xff", "{\"a\":1}", "null", "time=now"}
	for _, format := range []string{logging.Text, logging.JSON} {
		for _, text := range values {
			var b bytes.Buffer
			l := logging.New(format, slog.LevelDebug, &b)
			args := []any{"n", 7, "odd name = 1", true}
			for i, v := range values {
				args = append(args, strings.Repeat("v", i+1), v)
			}
			l.Log(context.Background(), slog.LevelWarn, text, args...)
			got, ok := parseLogLine(bytes.TrimRight(b.Bytes(), "\n"))
			if !ok {
				t.Errorf("%s: cannot read %q", format, b.String())
				continue
			}
			valid := func(s string) string {
				if format == logging.JSON {
					return strings.ToValidUTF8(s, "�")
				}
				return s
			}
			if got.level != slog.LevelWarn || got.text != valid(text) || time.Since(got.at) > time.Hour {
				t.Errorf("%s: got %v, want %q", format, got, text)
			}
			want := [][2]string{{"n", "7"}, {"odd name = 1", "true"}}
			for i, v := range values {
				want = append(want, [2]string{strings.Repeat("v", i+1), valid(v)})
			}
			if !slices.Equal(got.attrs, want) {
				t.Errorf("%s: the attributes are %q, want %q", format, got.attrs, want)
			}
			if shown := string(got.appendTo(nil)); strings.ContainsAny(shown[:len(shown)-1], "\n\x1b\x00") {
				t.Errorf("a terminal gets %q", shown)
			}
		}
	}
	for _, line := range []string{
		"", "panic: boom", "goroutine 7 [running]:", "time=now level=INFO msg=x", `{"time":"2026-01-02T03:04:05Z","level":"INFO"}`,
		`{"time":"2026-01-02T03:04:05Z","level":"LOUD","msg":"x"}`, `{"msg":"x"} and more`, `{"a":`, "time=2026-01-02T03:04:05Z level=INFO", "time=\"",
	} {
		if l, ok := parseLogLine([]byte(line)); ok {
			t.Errorf("%q is read as %v", line, l)
		}
	}
}

func FuzzLogLine(f *testing.F) {
	f.Add([]byte(`{"time":"2026-01-02T03:04:05Z","level":"INFO","msg":"x","a":[1,{}]}`))
	f.Add([]byte(`time=2026-01-02T03:04:05Z level=INFO msg="a b" "c d"=e`))
	f.Fuzz(func(t *testing.T, line []byte) {
		if l, ok := parseLogLine(line); ok && bytes.Count(l.appendTo(nil), []byte("\n")) != 1 {
			t.Errorf("%q is more than a line", line)
		}
	})
}

// TestLogPrinter filters a log that comes in pieces.
func TestLogPrinter(t *testing.T) {
	var log bytes.Buffer
	l := logging.New(logging.JSON, slog.LevelDebug, &log)
	task := func(job, id, vertex string, subtask int) *slog.Logger {
		return logging.Task{Job: job, JobID: id, Vertex: vertex, Subtask: subtask, Attempt: 1}.Logger(l)
	}
	l.Info("m1")
	task("clicks", "ab12", "Map -> Sink", 0).Debug("m2")
	task("clicks", "ab12", "Map -> Sink", 1).Warn("m3")
	log.WriteString("  stack of m3\n")
	task("views", "cd34", "source", 1).Error("m4")
	log.WriteString("  stack of m4\nan end without a line break")
	all := logFilter{level: slog.LevelDebug, subtask: -1}
	for _, c := range []struct {
		change   func(f *logFilter)
		terminal bool
		want     string
	}{
		{func(f *logFilter) { f.any = true }, false, "m1 m2 m3 stack m4 stack end"},
		{func(f *logFilter) { f.any = true }, true, "m1 m2 m3 stack m4 stack end"},
		{func(f *logFilter) { f.level = slog.LevelWarn }, false, "m3 stack m4 stack end"},
		{func(f *logFilter) { f.job = "clicks" }, false, "m2 m3 stack"},
		{func(f *logFilter) { f.job = "cd" }, true, "m4 stack end"},
		{func(f *logFilter) { f.vertex = "sink" }, false, "m2 m3 stack"},
		{func(f *logFilter) { f.subtask = 1 }, false, "m3 stack m4 stack end"},
		{func(f *logFilter) { f.subtask, f.vertex = 0, "map" }, false, "m2"},
		{func(f *logFilter) { f.job = "nobody's" }, false, ""},
	} {
		for _, piece := range []int{1, 7, 100_000} {
			var out bytes.Buffer
			p := logPrinter{w: &out, filter: all, terminal: c.terminal, head: "==> worker <==\n"}
			c.change(&p.filter)
			for b := range slices.Chunk(log.Bytes(), piece) {
				if _, err := p.Write(b); err != nil {
					t.Fatal(err)
				}
			}
			if err := p.Flush(); err != nil {
				t.Fatal(err)
			}
			var got []string
			head := false
			for line := range strings.Lines(out.String()) {
				for _, word := range []string{"m1", "m2", "m3", "m4", "end", "stack", "==>"} {
					if !strings.Contains(line, word) || word != "stack" && strings.Contains(line, "stack") {
						continue
					}
					if word == "==>" {
						head = len(got) == 0
						continue
					}
					got = append(got, word)
				}
				if c.terminal && strings.Contains(line, "{") {
					t.Errorf("a terminal gets %q", line)
				}
				if !c.terminal && strings.Contains(line, `"msg"`) && !strings.Contains(log.String(), line) {
					t.Errorf("a line is not as it was: %q", line)
				}
			}
			if strings.Join(got, " ") != c.want || head != (c.want != "") {
				t.Errorf("got %q, want %q (in pieces of %d):\n%s", got, c.want, piece, &out)
			}
		}
	}
}

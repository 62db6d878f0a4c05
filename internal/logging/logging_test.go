package logging

import (
	"bytes"
	"context"
	"encoding/json"
	"log"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
)

// lines are those of a log in JSON, without their times.
func lines(t *testing.T, b *bytes.Buffer) (all []map[string]any) {
	t.Helper()
	for line := range strings.Lines(b.String()) {
		var m map[string]any
		if err := json.Unmarshal([]byte(line), &m); err != nil {
			t.Fatalf("%v: %q", err, line)
		}
		if n := strings.Count(line, `"job":`); n > 1 {
			t.Errorf("a line has its job %d times: %s", n, line)
		}
		delete(m, "time")
		all = append(all, m)
	}
	b.Reset()
	return all
}

func TestTask(t *testing.T) {
	var b bytes.Buffer
	l := New(JSON, slog.LevelInfo, &b)
	task := Task{Job: "clicks\n<b>", JobID: "ab12", Vertex: strings.Repeat("é", 500), Subtask: 3, Attempt: 2}
	want := map[string]any{
		"level": "INFO", "msg": "hello", "n": 1.0, "job": "clicks\n<b>", "job-id": "ab12", "subtask": 3.0, "attempt": 2.0,
		"vertex": strings.Repeat("é", 119) + "…",
	}
	ctx := task.Context(context.Background())
	for name, say := range map[string]func(){
		"a task's logger":                  func() { task.Logger(l).Info("hello", "n", 1) },
		"a task's logger, and its context": func() { task.Logger(l).InfoContext(ctx, "hello", "n", 1) },
		"a context":                        func() { l.InfoContext(ctx, "hello", "n", 1) },
		"a context, and more":              func() { l.With("n", 1).InfoContext(ctx, "hello") },
	} {
		say()
		if got := lines(t, &b); len(got) != 1 || !maps.Equal(got[0], want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
	l.Info("hello")
	Of(l, "clicks", "").Info("hello")
	Of(l, "clicks", "ab12").Info("hello")
	keys := []string{}
	for _, m := range lines(t, &b) {
		keys = append(keys, strings.Join(slices.Sorted(maps.Keys(m)), " "))
	}
	if want := []string{"level msg", "job level msg", "job job-id level msg"}; !slices.Equal(keys, want) {
		t.Errorf("lines have %q, want %q", keys, want)
	}
	New(Text, slog.LevelInfo, &b).InfoContext(ctx, "hello world")
	if got := b.String(); !strings.Contains(got, `level=INFO msg="hello world" job="clicks\n<b>" job-id=ab12 vertex=`) || strings.Count(got, "\n") != 1 {
		t.Errorf("as text: %q", got)
	}
}

func TestInstall(t *testing.T) {
	before, flags, w := slog.Default(), log.Flags(), log.Writer()
	defer func() {
		slog.SetDefault(before)
		log.SetFlags(flags)
		log.SetOutput(w)
	}()
	var b bytes.Buffer
	var level slog.LevelVar
	level.Set(slog.LevelError)
	Install(New(JSON, &level, &b))
	slog.Warn("is not heard")
	log.Print("the last words\nof a program")
	level.Set(slog.LevelDebug)
	slog.Debug("is heard")
	got := []any{}
	for _, m := range lines(t, &b) {
		got = append(got, m["level"], m["msg"])
	}
	if want := []any{"INFO", "the last words\nof a program", "DEBUG", "is heard"}; !slices.Equal(got, want) {
		t.Errorf("the log has %q, want %q", got, want)
	}
}

func TestParseLevel(t *testing.T) {
	for text, want := range map[string]slog.Level{"debug": slog.LevelDebug, "INFO": slog.LevelInfo, "Warn": slog.LevelWarn, "error": slog.LevelError} {
		if got, err := ParseLevel(text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "trace", "INFO+1", "4"} {
		if _, err := ParseLevel(text); err == nil || !strings.Contains(err.Error(), "use debug, info, warn or error") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

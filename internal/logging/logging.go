// Package logging is how the processes of a cluster write their logs: a line for each message, as text or as JSON, with what it is
// about as attributes.
//
// The attributes have the same names everywhere: see Job, JobID, Vertex, Subtask, Attempt. Who logs about a job has a logger
// that Of has made; what runs for a task, and only has a context, logs with it, as by slog.WarnContext.
//
// Data flow: the commands and package launch make a Logger for their process; JobManager, TaskManager and workers write to it.
package logging

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"slices"
	"strings"
)

// The attributes of lines that concern a job. A line about one task has all of them.
const (
	Job     = "job"     // its name
	JobID   = "job-id"  // as REST has it
	Vertex  = "vertex"  // its name
	Subtask = "subtask" // from 0
	Attempt = "attempt" // from 1, as stream.Task has it
	// Checkpoint is its number.
	Checkpoint = "checkpoint"
)

// The formats.
const (
	Text = "text" // key=value
	JSON = "json"
)

// ParseLevel reads the name of a level, in any case: debug, info, warn or error.
func ParseLevel(text string) (slog.Level, error) {
	for _, l := range []slog.Level{slog.LevelDebug, slog.LevelInfo, slog.LevelWarn, slog.LevelError} {
		if strings.EqualFold(text, l.String()) {
			return l, nil
		}
	}
	return 0, fmt.Errorf("%q is no log level: use debug, info, warn or error", text)
}

// New returns a logger that writes what is of a level, or of a higher one, to w: text, unless format is JSON.
func New(format string, level slog.Leveler, w io.Writer) *slog.Logger {
	o := &slog.HandlerOptions{Level: level}
	if format == JSON {
		return slog.New(about{slog.NewJSONHandler(w, o)})
	}
	return slog.New(about{slog.NewTextHandler(w, o)})
}

// Install makes l the logger of all that has none of its own. What is written by package log is written at any level, since
// the last words of log.Fatal are among it.
func Install(l *slog.Logger) {
	slog.SetDefault(l)
	log.SetFlags(0)
	log.SetOutput(slog.NewLogLogger(always{l.Handler()}, slog.LevelInfo).Writer())
}

// nameMax is how much of a name a line has.
const nameMax = 120

// Name is a text of somebody's, of which a line has only the beginning.
func Name(s string) string {
	if runes := []rune(s); len(runes) > nameMax {
		return string(runes[:nameMax-1]) + "…"
	}
	return s
}

// Of returns l for lines about a job; id may be "".
func Of(l *slog.Logger, name, id string) *slog.Logger {
	l = l.With(Job, Name(name))
	if id != "" {
		l = l.With(JobID, id)
	}
	return l
}

// Task is which task a line is about.
type Task struct {
	Job, JobID, Vertex string // JobID may be ""
	Subtask, Attempt   int
}

func (t Task) attrs() []slog.Attr {
	all := []slog.Attr{slog.String(Job, Name(t.Job))}
	if t.JobID != "" {
		all = append(all, slog.String(JobID, t.JobID))
	}
	return append(all, slog.String(Vertex, Name(t.Vertex)), slog.Int(Subtask, t.Subtask), slog.Int(Attempt, t.Attempt))
}

// Logger returns l for lines about the task.
func (t Task) Logger(l *slog.Logger) *slog.Logger {
	h := l.Handler()
	if a, ok := h.(about); ok {
		h = a.Handler // or a line with a context of the task has all twice
	}
	return slog.New(h.WithAttrs(t.attrs()))
}

type key struct{}

// Context returns ctx for what runs for the task: lines that are logged with it, by a logger of New, are about the task.
func (t Task) Context(ctx context.Context) context.Context {
	return context.WithValue(ctx, key{}, t.attrs())
}

// about adds to lines what their contexts say they are about.
type about struct{ slog.Handler }

// Handle adds it.
func (h about) Handle(ctx context.Context, r slog.Record) error {
	if all, ok := ctx.Value(key{}).([]slog.Attr); ok {
		r = r.Clone()
		r.AddAttrs(slices.Clone(all)...)
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs keeps what about does.
func (h about) WithAttrs(all []slog.Attr) slog.Handler { return about{h.Handler.WithAttrs(all)} }

// WithGroup keeps what about does.
func (h about) WithGroup(name string) slog.Handler { return about{h.Handler.WithGroup(name)} }

// always is a handler that takes each level.
type always struct{ slog.Handler }

// Enabled says so.
func (always) Enabled(context.Context, slog.Level) bool { return true }

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"time"

	"github.com/flott-dev/flott/client"
	"github.com/flott-dev/flott/internal/logging"
)

type logsCmd struct {
	clientFlags
	Follow bool   `short:"f" help:"Go on with what is written from now on, until Ctrl-C or the end of the job."`
	List   bool   `short:"l" help:"List the log files only."`
	Level  string `placeholder:"LEVEL" help:"Only lines of this level or a higher one: debug, info, warn or error."`
	Job    string `placeholder:"JOB" help:"Only lines about a job: its name, its id, or the beginning of that."`
	Vertex string `placeholder:"TEXT" help:"Only lines about vertices with TEXT in their names."`
	// Subtask is -1 for all.
	Subtask int    `default:"-1" placeholder:"N" help:"Only lines about subtasks of this number, from 0."`
	Raw     bool   `help:"Print lines as they are in the log, also on a terminal."`
	Of      string `arg:"" default:"jobmanager" help:"jobmanager, the id of a TaskManager or as much of its beginning as no other has, or a job: its id, or as much of its beginning as no other has, or its name."`
}

// logsInterval is the time between two looks at logs that are followed.
const logsInterval = 300 * time.Millisecond

// Run prints logs.
func (l *logsCmd) Run(ctx context.Context) error {
	c, err := l.client()
	if err != nil {
		return err
	}
	s, err := l.source(ctx, c)
	if err != nil {
		return err
	}
	if l.List {
		return s.list(ctx, os.Stdout)
	}
	if s.to.filter, err = l.filter(); err != nil {
		return err
	}
	s.to.w, s.to.terminal = os.Stdout, !l.Raw && isTerminal(os.Stdout)
	if err := s.copy(ctx); err != nil {
		return err
	}
	if len(s.read) == 0 && !l.Follow {
		return fmt.Errorf("there are no logs of %s: what runs on a TaskManager that is gone has taken its own along", l.Of)
	}
	for last := false; l.Follow && !last; {
		select {
		case <-ctx.Done():
			return s.to.Flush()
		case <-time.After(logsInterval):
		}
		if s.job != "" {
			j, err := c.Job(ctx, s.job)
			last = err == nil && j.State.Done()
		}
		if err := s.copy(ctx); err != nil && ctx.Err() == nil {
			return err
		}
	}
	return s.to.Flush()
}

// filter is what the flags say.
func (l *logsCmd) filter() (f logFilter, err error) {
	f = logFilter{level: slog.LevelDebug, job: l.Job, vertex: l.Vertex, subtask: l.Subtask}
	f.any = l.Level == "" && l.Job == "" && l.Vertex == "" && l.Subtask < 0
	if l.Level != "" {
		f.level, err = logging.ParseLevel(l.Level)
	}
	return f, err
}

// logSource is log files that belong together.
type logSource struct {
	client      *client.Client
	taskManager string // whose logs they are, unless they are a job's; "" for the JobManager's
	job         string
	read        map[client.LogFile]int64 // offsets, by file without its size and time
	last        client.LogFile           // whose lines were printed last
	to          logPrinter
}

// source finds out what is meant.
func (l *logsCmd) source(ctx context.Context, c *client.Client) (*logSource, error) {
	s := &logSource{client: c, read: map[client.LogFile]int64{}}
	if l.Of == "jobmanager" {
		return s, nil
	}
	tms, err := c.TaskManagers(ctx)
	if err != nil {
		return nil, err
	}
	for _, tm := range tms {
		if !strings.HasPrefix(tm.ID, l.Of) {
			continue
		}
		if s.taskManager != "" && tm.ID != l.Of {
			return nil, fmt.Errorf("%q may be %s or %s", l.Of, s.taskManager, tm.ID)
		}
		s.taskManager = tm.ID
	}
	if s.taskManager != "" {
		return s, nil
	}
	flags := jobFlags{clientFlags: l.clientFlags, Job: l.Of}
	_, s.job, err = flags.job(ctx)
	return s, err
}

// files are those that there are now.
func (s *logSource) files(ctx context.Context) (all []client.LogFile, err error) {
	if s.job == "" {
		return s.client.Logs(ctx, s.taskManager)
	}
	tms, err := s.client.TaskManagers(ctx)
	if err != nil {
		return nil, err
	}
	for _, tm := range tms {
		files, err := s.client.Logs(ctx, tm.ID)
		if errors.Is(err, client.ErrNotFound) {
			continue // it has just gone
		}
		if err != nil {
			return nil, err
		}
		for _, f := range files {
			if f.WorkerOf(s.job) {
				all = append(all, f)
			}
		}
	}
	return all, nil
}

// list prints the names.
func (s *logSource) list(ctx context.Context, w io.Writer) error {
	all, err := s.files(ctx)
	for _, f := range all {
		fmt.Fprintf(w, "%s\t%10d  %s\t%s\n", f.Modified.Format(time.DateTime), f.Bytes, f.TaskManager, f.Name)
	}
	return err
}

// copy prints what has been written since the last time. Of a process, only the log that it writes now.
func (s *logSource) copy(ctx context.Context) error {
	all, err := s.files(ctx)
	if err != nil {
		return err
	}
	if s.job == "" && len(all) > 1 {
		all = all[:1] // its own comes first, the others are older ones and those of workers
	}
	for _, f := range all {
		key := client.LogFile{TaskManager: f.TaskManager, Name: f.Name}
		from, known := s.read[key]
		if known && f.Bytes == from {
			continue
		}
		n, err := s.print(ctx, f, from)
		if errors.Is(err, client.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		if f.Bytes < from {
			from = 0 // it has begun anew
		}
		s.read[key] = from + n
	}
	return nil
}

// print prints a file from an offset on, with its name before it if the lines before were another's.
func (s *logSource) print(ctx context.Context, f client.LogFile, from int64) (int64, error) {
	r, err := s.client.ReadLog(ctx, f, from)
	if err != nil {
		return 0, err
	}
	defer r.Close()
	if s.job != "" && (s.last.TaskManager != f.TaskManager || s.last.Name != f.Name) {
		if err := s.to.Flush(); err != nil {
			return 0, err
		}
		s.to.follows = false
		s.to.head = fmt.Sprintf("==> %s of TaskManager %s <==\n", strings.TrimSuffix(f.Name, ".log"), f.TaskManager)
		s.last = f
		if err := s.to.begin(); err != nil {
			return 0, err
		}
	}
	return io.Copy(&s.to, r)
}

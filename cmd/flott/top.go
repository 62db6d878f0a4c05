package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/flott-dev/flott/client"
)

type topCmd struct {
	clientFlags
	Interval time.Duration `short:"i" default:"2s" help:"The time between two looks, over which rates are measured."`
}

// Run shows a cluster, again and again on a terminal, else once.
func (t *topCmd) Run(ctx context.Context) error {
	if t.Interval < 100*time.Millisecond {
		return fmt.Errorf("--interval %v: want at least 100ms", t.Interval)
	}
	c, err := t.client()
	if err != nil {
		return err
	}
	before, err := lookAt(ctx, c)
	if err != nil {
		return err
	}
	out := newTerminal(os.Stdout)
	if out == nil {
		if !pause(ctx, t.Interval) {
			return nil
		}
		now, err := lookAt(ctx, c)
		if err != nil {
			return err
		}
		_, err = fmt.Println(strings.Join(now.picture(before, plainWidth), "\n"))
		return err
	}
	defer out.end()
	for now := before; ; {
		width, height := out.size()
		width-- // to clear behind a line that goes to the edge would clear its end
		if err := out.draw(fit(now.picture(before, width), width, height)); err != nil {
			return err
		}
		if !pause(ctx, t.Interval) {
			return nil
		}
		next, err := lookAt(ctx, c)
		if err != nil {
			next = &look{at: time.Now(), url: c.URL(), err: err}
		}
		before, now = now, next
	}
}

// pause reports whether ctx lasts so long.
func pause(ctx context.Context, d time.Duration) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(d):
		return true
	}
}

// look is what a cluster was like at a time.
type look struct {
	at       time.Time
	url      string
	err      error // the JobManager does not answer; then the rest is empty
	version  string
	overview client.Overview
	tms      []client.TaskManager
	jobs     []jobLook // those that run, and the last that have ended
}

type jobLook struct {
	*client.Job
	*client.Checkpoints
}

// endedShown is how many jobs that have ended are shown.
const endedShown = 3

func lookAt(ctx context.Context, c *client.Client) (*look, error) {
	l := &look{at: time.Now(), url: c.URL()}
	v, err := c.Version(ctx)
	l.version = v.Version
	if err == nil {
		l.overview, err = c.Overview(ctx)
	}
	if err == nil {
		l.tms, err = c.TaskManagers(ctx)
	}
	if err != nil {
		return nil, err
	}
	all, err := c.Jobs(ctx)
	if err != nil {
		return nil, err
	}
	var running, ended []client.JobSummary
	for _, j := range all {
		if j.State.Done() {
			ended = append(ended, j)
		} else {
			running = append(running, j)
		}
	}
	for _, j := range append(running, ended[max(0, len(ended)-endedShown):]...) {
		job, err := c.Job(ctx, j.ID)
		if errors.Is(err, client.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		checkpoints, err := c.Checkpoints(ctx, j.ID)
		if err != nil {
			return nil, err
		}
		l.jobs = append(l.jobs, jobLook{job, checkpoints})
	}
	return l, nil
}

// terminal is one that is drawn on anew each time. What was on it comes back in the end.
type terminal struct {
	out  io.Writer
	size func() (width, height int)
}

// newTerminal returns nil if the file is none.
func newTerminal(out *os.File) *terminal {
	size := func() (width, height int) {
		w, err := unix.IoctlGetWinsize(int(out.Fd()), unix.TIOCGWINSZ)
		if err != nil || w.Col == 0 || w.Row == 0 {
			return plainWidth, 24
		}
		return int(w.Col), int(w.Row)
	}
	if _, err := unix.IoctlGetWinsize(int(out.Fd()), unix.TIOCGWINSZ); err != nil || os.Getenv("TERM") == "dumb" {
		return nil
	}
	fmt.Fprint(out, "\x1b[?1049h\x1b[?25l") // another screen, without a cursor
	return &terminal{out, size}
}

// draw shows lines from the top on, which fit, in one write, so that nothing flickers.
func (t *terminal) draw(lines []string) error {
	var b strings.Builder
	b.WriteString("\x1b[H")
	for i, l := range lines {
		if i > 0 {
			b.WriteString("\r\n")
		}
		b.WriteString(l + "\x1b[K")
	}
	b.WriteString("\x1b[J")
	_, err := io.WriteString(t.out, b.String())
	return err
}

func (t *terminal) end() { fmt.Fprint(t.out, "\x1b[?25h\x1b[?1049l") }

package main

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/flott-dev/flott/client"
)

// plainWidth is how wide a picture is where nobody knows better.
const plainWidth = 120

// picture shows a cluster, with rates since an earlier look, in lines of at most so many characters.
func (l *look) picture(before *look, width int) []string {
	lines := []string{fmt.Sprintf("Flott %s at %s", l.version, l.url)}
	if l.err != nil {
		lines = append(lines, "", l.err.Error(), "", "Trying again. Ctrl-C ends this.")
		return cutAll(lines, width)
	}
	o := l.overview
	lines[0] += fmt.Sprintf("   %s   %d of %d slots in use   %s", count(o.TaskManagers, "TaskManager"), o.Slots-o.FreeSlots, o.Slots, l.at.Format(time.TimeOnly))
	for _, j := range l.jobs {
		lines = append(append(lines, ""), l.job(j, before, width)...)
	}
	if len(l.jobs) == 0 {
		lines = append(lines, "", "No jobs.")
	}
	lines = append(lines, "", fmt.Sprintf("%-24s %-20s %7s %7s   %s", "TASKMANAGER", "HOST", "SLOTS", "FREE", "HEARD"))
	for _, t := range l.tms {
		lines = append(lines, fmt.Sprintf("%-24s %-20s %7d %7d   %s ago", t.ID, t.Host, t.Slots, t.FreeSlots, ago(l.at, t.Heard)))
	}
	return cutAll(lines, width)
}

// find is a job in an earlier look, nil if it was not there.
func (l *look) find(id string) *client.Job {
	for _, j := range l.jobs {
		if j.ID == id {
			return j.Job
		}
	}
	return nil
}

// job is the lines about a job, with rates since an earlier look.
func (l *look) job(j jobLook, earlier *look, width int) []string {
	before, since := earlier.find(j.ID), l.at.Sub(earlier.at)
	end := j.Ended
	if end.IsZero() {
		end = l.at
	}
	head := fmt.Sprintf("%s  %s  for %v, %s  %.8s", j.Name, j.State, end.Sub(j.Began).Round(time.Second), count(j.Restarts, "restart"), j.ID)
	if j.Waits != "" {
		head += "  " + j.Waits
	}
	if j.State.Done() {
		return []string{head}
	}
	lines := []string{head}
	if text := l.checkpoints(j.Checkpoints); text != "" {
		lines = append(lines, "  "+text)
	}
	name := min(60, max(16, width-otherColumns))
	lines = append(lines, fmt.Sprintf("  %-*s %5s %-12s %8s %8s  %-16s %s", name, "VERTEX", "TASKS", "STATE", "IN/S", "OUT/S", "BUSY", "BACKPRESSURED"))
	for i, v := range j.Vertices {
		in, out, busy, pressed := "–", "–", "–", "–"
		if before != nil && i < len(before.Vertices) && before.Restarts == j.Restarts && since > 0 {
			was := before.Vertices[i]
			in, out = rate(v.RecordsIn-was.RecordsIn, since), rate(v.RecordsOut-was.RecordsOut, since)
			whole := since * time.Duration(max(1, v.Parallelism))
			busy = gauge(v.Busy-was.Busy, whole)
			pressed = percent(v.Backpressured-was.Backpressured, whole)
		}
		lines = append(lines, fmt.Sprintf("  %-*s %5d %-12s %8s %8s  %-16s %s", name, cut(v.Name, name), v.Parallelism, v.State, in, out, busy, pressed))
	}
	return lines
}

// otherColumns is how wide a vertex's line is without its name.
const otherColumns = 72

// checkpoints says how those of a job go; nothing if it takes none.
func (l *look) checkpoints(c *client.Checkpoints) string {
	if c.Interval == 0 && c.Completed == 0 {
		return ""
	}
	text := fmt.Sprintf("checkpoints: %d complete, %d failed", c.Completed, c.Failed)
	for _, k := range c.Last {
		if k.Status == "COMPLETED" {
			return text + fmt.Sprintf("; the last %s ago: %v, %s of %s", ago(l.at, k.Triggered), k.Duration, size(k.Size), size(k.FullSize))
		}
	}
	return text
}

// fit leaves out lines that a terminal has no room for.
func fit(lines []string, width, height int) []string {
	if len(lines) <= height {
		return lines
	}
	shown := max(0, height-1)
	return append(lines[:shown:shown], cut(fmt.Sprintf("… and %d lines more", len(lines)-shown), width))
}

func cutAll(lines []string, width int) []string {
	for i, l := range lines {
		lines[i] = cut(l, width)
	}
	return lines
}

// cut shortens a text to a number of characters.
func cut(text string, most int) string {
	text = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' ' // names are users', and a terminal obeys control characters
		}
		return r
	}, text)
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:max(0, most-1)]) + "…"
}

func count(n int, of string) string {
	if n == 1 {
		return "1 " + of
	}
	return fmt.Sprintf("%d %ss", n, of)
}

// rate is how many there are in a second.
func rate(n int64, in time.Duration) string {
	perSecond := float64(max(0, n)) / in.Seconds()
	switch {
	case perSecond >= 1e6:
		return fmt.Sprintf("%.1f M", perSecond/1e6)
	case perSecond >= 1e4:
		return fmt.Sprintf("%.1f k", perSecond/1e3)
	}
	return fmt.Sprintf("%.0f", perSecond)
}

func part(of, whole time.Duration) int {
	return int(min(100, max(0, 100*of/max(1, whole))))
}

func percent(of, whole time.Duration) string { return fmt.Sprintf("%d %%", part(of, whole)) }

// gauge is a part in percent, with a bar.
func gauge(of, whole time.Duration) string {
	const cells = 10
	full := (part(of, whole)*cells + 50) / 100
	return strings.Repeat("█", full) + strings.Repeat("░", cells-full) + fmt.Sprintf(" %s", percent(of, whole))
}

// ago is the time since then, to a tenth of a second while it is short.
func ago(now, then time.Time) string {
	if then.IsZero() {
		return "–"
	}
	d := max(0, now.Sub(then))
	if d < 10*time.Second {
		return d.Round(100 * time.Millisecond).String()
	}
	return d.Round(time.Second).String()
}

package main

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/flott-dev/flott/client"
)

// looks are two at a cluster, two seconds apart.
func looks() (before, now *look) {
	at := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	job := func(in, out int64, busy, pressed time.Duration) *client.Job {
		return &client.Job{
			ID: "0123456789abcdef0123456789abcdef", Name: "orders", State: client.Running, Restarts: 1, Began: at.Add(-time.Hour),
			Vertices: []client.Vertex{
				{Name: "Source", Parallelism: 2, State: client.Running, RecordsOut: out, Busy: busy / 4, Backpressured: pressed},
				{Name: "a vertex with a name that is longer\x1b[31m than its column", Parallelism: 4, State: client.Running, RecordsIn: in, RecordsOut: 10, Busy: busy},
			},
		}
	}
	checkpoints := &client.Checkpoints{Completed: 41, Failed: 2, Interval: time.Second, Last: []client.Checkpoint{
		{Status: "IN_PROGRESS", Triggered: at}, {Status: "COMPLETED", Triggered: at.Add(-time.Second), Duration: 80 * time.Millisecond, Size: 3 << 20, FullSize: 40 << 20},
	}}
	before = &look{at: at, url: "http://jm:8081", version: "1.2.3", jobs: []jobLook{{job(1000, 1000, time.Second, 0), checkpoints}}}
	now = &look{
		at: at.Add(2 * time.Second), url: "http://jm:8081", version: "1.2.3", overview: client.Overview{TaskManagers: 1, Slots: 4, FreeSlots: 1},
		tms: []client.TaskManager{{ID: "tm-1", Host: "host-1", Slots: 4, FreeSlots: 1, Heard: at.Add(1500 * time.Millisecond)}},
		jobs: []jobLook{
			{job(5_001_000, 41_000, 5*time.Second, time.Second), checkpoints},
			{&client.Job{ID: "ffff", Name: "old", State: client.Finished, Began: at.Add(-time.Hour), Ended: at}, &client.Checkpoints{}},
			{&client.Job{ID: "eeee", Name: "poor", State: client.Created, Began: at, Waits: "it needs 2 slots more"}, &client.Checkpoints{}},
		},
	}
	return before, now
}

// TestTopPicture: rates, parts of time and checkpoints are those of the two looks; lines fit.
func TestTopPicture(t *testing.T) {
	before, now := looks()
	want := `Flott 1.2.3 at http://jm:8081   1 TaskManager   3 of 4 slots in use   12:00:02

orders  RUNNING  for 1h0m2s, 1 restart  01234567
  checkpoints: 41 complete, 2 failed; the last 3s ago: 80ms, 3.0 MiB of 40.0 MiB
  VERTEX                       TASKS STATE            IN/S    OUT/S  BUSY             BACKPRESSURED
  Source                           2 RUNNING             0   20.0 k  ███░░░░░░░ 25 %  25 %
  a vertex with a name that i…     4 RUNNING         2.5 M        0  █████░░░░░ 50 %  0 %

old  FINISHED  for 1h0m0s, 0 restarts  ffff

poor  CREATED  for 2s, 0 restarts  eeee  it needs 2 slots more
  VERTEX                       TASKS STATE            IN/S    OUT/S  BUSY             BACKPRESSURED

TASKMANAGER              HOST                   SLOTS    FREE   HEARD
tm-1                     host-1                     4       1   500ms ago`
	if got := strings.Join(now.picture(before, 100), "\n"); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	for _, width := range []int{1, 20, 79, 200} {
		for _, l := range now.picture(before, width) {
			if n := utf8.RuneCountInString(l); n > width || strings.ContainsAny(l, "\x1b\n") {
				t.Errorf("%q has %d characters, want at most %d", l, n, width)
			}
		}
	}
	restarted := now
	restarted.jobs[0].Restarts++
	if got := strings.Join(restarted.picture(before, 100), "\n"); strings.Contains(got, "2.5 M") {
		t.Error("there are rates of counters that have begun anew")
	}
	lost := &look{at: now.at, url: now.url, err: errors.New("no JobManager answers")}
	if got := strings.Join(lost.picture(now, 100), "\n"); !strings.Contains(got, "no JobManager answers") {
		t.Error(got)
	}
}

// fakeTerminal understands what terminal.draw writes.
type fakeTerminal struct {
	cells    [][]rune
	row, col int
	t        *testing.T
}

var escape = regexp.MustCompile(`^\x1b\[(\??\d*)([A-Za-z])`)

// clear clears a line from a column on. Behind the last one the cursor stands on it.
func (f *fakeTerminal) clear(row, from int) {
	for i := min(from, len(f.cells[row])-1); i < len(f.cells[row]); i++ {
		f.cells[row][i] = ' '
	}
}

// Write does what text says. What does not fit on the terminal is a mistake.
func (f *fakeTerminal) Write(text []byte) (int, error) {
	for s := string(text); s != ""; {
		if m := escape.FindStringSubmatch(s); m != nil {
			switch m[2] {
			case "H":
				f.row, f.col = 0, 0
			case "K":
				f.clear(f.row, f.col)
			case "J":
				f.clear(f.row, f.col)
				for r := f.row + 1; r < len(f.cells); r++ {
					f.clear(r, 0)
				}
			default:
				f.t.Errorf("%q is not understood", m[0])
			}
			s = s[len(m[0]):]
			continue
		}
		r, n := utf8.DecodeRuneInString(s)
		s = s[n:]
		switch {
		case r == '\r':
			f.col = 0
		case r == '\n':
			f.row++
		case f.row >= len(f.cells) || f.col >= len(f.cells[f.row]):
			f.t.Errorf("%q is written to line %d, column %d", r, f.row, f.col)
			return 0, fmt.Errorf("column %s", strconv.Itoa(f.col))
		default:
			f.cells[f.row][f.col] = r
			f.col++
		}
	}
	return len(text), nil
}

// TestTopTerminal: after each picture the terminal shows that one and nothing of those before, whatever its size.
func TestTopTerminal(t *testing.T) {
	before, now := looks()
	for _, s := range []struct{ width, height int }{{100, 30}, {60, 8}, {30, 2}, {10, 1}} {
		f := &fakeTerminal{t: t}
		for range s.height {
			f.cells = append(f.cells, []rune(strings.Repeat("?", s.width)))
		}
		out := &terminal{out: f}
		for i, l := range []*look{before, now, {at: now.at, url: "x", err: errors.New("gone")}, now} {
			want := fit(l.picture(before, s.width-1), s.width-1, s.height)
			if err := out.draw(want); err != nil {
				t.Fatal(err)
			}
			for row, cells := range f.cells {
				line := ""
				if row < len(want) {
					line = want[row]
				}
				if got := strings.TrimRight(string(cells), " "); got != strings.TrimRight(line, " ") {
					t.Errorf("%dx%d, picture %d, line %d: %q, want %q", s.width, s.height, i, row, got, line)
				}
			}
		}
	}
}

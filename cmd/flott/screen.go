package main

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/examples/hostwatch/watch"
	"github.com/flott-dev/flott/examples/topauctions/hot"
	"github.com/flott-dev/flott/launch"
)

// screen shows the demo: on a terminal a picture that is redrawn in place, else a few lines every
// five seconds.
type screen struct {
	out      *os.File
	terminal bool
	start    time.Time
	drawn    int // lines of the picture on the terminal
	shown    time.Time

	mu struct {
		sync.Mutex
		top      hot.Top
		channels map[string]channel
		usage    map[string]watch.Usage
		at       time.Time // of the newest usage
		alerts   []watch.Alert
		count    int
	}
}

// isTerminal reports whether people look at a file.
func isTerminal(f *os.File) bool {
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}

func newScreen(out *os.File) *screen {
	now := time.Now()
	s := &screen{out: out, start: now, shown: now}
	s.terminal = isTerminal(out)
	s.mu.usage, s.mu.channels = map[string]watch.Usage{}, map[string]channel{}
	return s
}

func (s *screen) intro(rate int64) {
	fmt.Fprintf(s.out, `Flott demo: three jobs in this process (%d cores), no server, nothing to install.

  hottest auctions  %d made-up auction events a second; the five auctions with the most bids
                    in the last 10 s, every 2 s of event time     code: examples/topauctions
  channels in SQL   the same events in a continuous query:
                    %s
  hostwatch         this machine's processes from /proc, in 2 s windows, with an alert when one
                    leaves its usual range                        code: examples/hostwatch

  Their graphs: bin/flott graph --format svg -o graph.svg ./examples/topauctions
  Stop: Ctrl-C

`, runtime.NumCPU(), rate, strings.ReplaceAll(demoQuery, "\n", "\n                    "))
}

func (s *screen) setTop(t hot.Top) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.top = t
}

func (s *screen) setUsage(u watch.Usage) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.usage[u.Name] = u
	if u.At.After(s.mu.at) {
		s.mu.at = u.At
	}
}

func (s *screen) setChannel(c channel) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.channels[c.Channel] = c
}

// channelLines are the newest result of the query in SQL.
func (s *screen) channelLines() []string {
	lines := []string{"", "bids by channel, so far (SQL)"}
	most := int64(0)
	for _, c := range s.mu.channels {
		most = max(most, c.Bids)
	}
	for _, name := range []string{"Apple", "Baidu", "Facebook", "Google"} {
		line := "  –"
		if c, ok := s.mu.channels[name]; ok {
			line = fmt.Sprintf("  %-9s %9d bids  %10d highest %9d average  %s", c.Channel, c.Bids, c.Highest, c.Average, bar(c.Bids, most))
		}
		lines = append(lines, line)
	}
	return lines
}

const alertsShown = 3

func (s *screen) alert(a watch.Alert) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mu.count++
	s.mu.alerts = append(s.mu.alerts, a)
	if len(s.mu.alerts) > alertsShown {
		s.mu.alerts = s.mu.alerts[1:]
	}
}

// draw shows the state of the jobs and their newest results.
func (s *screen) draw(jobs []*launch.Job) {
	if !s.terminal && time.Since(s.shown) < 5*time.Second {
		return
	}
	s.shown = time.Now()
	lines := s.picture(jobs)
	var b strings.Builder
	if s.terminal && s.drawn > 0 {
		fmt.Fprintf(&b, "\x1b[%dA", s.drawn)
	}
	for _, l := range lines {
		if s.terminal {
			b.WriteString("\x1b[2K")
		}
		b.WriteString(l + "\n")
	}
	s.drawn = len(lines)
	fmt.Fprint(s.out, b.String())
}

// picture always has the same number of lines.
func (s *screen) picture(jobs []*launch.Job) []string {
	var lines []string
	for _, j := range jobs {
		lines = append(lines, s.jobLine(j.Status()))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	lines = append(lines, "", s.topTitle())
	for i := range hot.N {
		line := "  –"
		if i < len(s.mu.top.Auctions) {
			a := s.mu.top.Auctions[i]
			line = fmt.Sprintf("  auction %-7d %6d bids  %s", a.Auction, a.Bids,
				bar(a.Bids, s.mu.top.Auctions[0].Bids))
		}
		lines = append(lines, line)
	}
	lines = append(lines, s.channelLines()...)
	lines = append(lines, "", "busiest programs on this machine")
	busiest := s.busiest()
	for i := range 5 {
		line := "  –"
		if i < len(busiest) {
			u := busiest[i]
			line = fmt.Sprintf("  %-20.20s %5.2f cores %8.1f MiB %9.1f KiB/s", u.Name, u.CPU,
				float64(u.Memory)/(1<<20), u.Traffic/1024)
		}
		lines = append(lines, line)
	}
	lines = append(lines, "", fmt.Sprintf("alerts: %d", s.mu.count))
	for i := range alertsShown {
		line := "  –"
		if i < len(s.mu.alerts) {
			line = "  " + s.mu.alerts[i].String()
		}
		lines = append(lines, line)
	}
	return append(lines, "")
}

func (s *screen) topTitle() string {
	if s.mu.top.Until.IsZero() {
		return "hottest auctions: waiting for the first window"
	}
	return fmt.Sprintf("hottest auctions from %s to %s",
		s.mu.top.Until.Add(-hot.Size).Local().Format("15:04:05"),
		s.mu.top.Until.Local().Format("15:04:05"))
}

// busiest are the programs of the newest window by CPU time, then memory.
func (s *screen) busiest() []watch.Usage {
	var list []watch.Usage
	for name, u := range s.mu.usage {
		if u.At.Before(s.mu.at.Add(-2 * watch.Window)) {
			delete(s.mu.usage, name) // the program has ended
			continue
		}
		list = append(list, u)
	}
	slices.SortFunc(list, func(a, b watch.Usage) int {
		return cmp.Or(cmp.Compare(b.CPU, a.CPU), cmp.Compare(b.Memory, a.Memory),
			cmp.Compare(a.Name, b.Name))
	})
	return list
}

func bar(n, most int64) string { return strings.Repeat("█", int(30*n/max(1, most))) }

// jobLine is a job's state, what its sources have emitted and how busy its tasks are.
func (s *screen) jobLine(st launch.Status) string {
	var records int64
	var busy, total time.Duration
	for i, v := range st.Vertices {
		for _, sub := range v.Subtasks {
			if i == 0 {
				records += sub.RecordsOut
			}
			busy += sub.Busy
			total += sub.Busy + sub.Idle + sub.Backpressured
		}
	}
	share := 0.0
	if total > 0 {
		share = 100 * float64(busy) / float64(total)
	}
	return fmt.Sprintf("%-17s %-9s %5.0f s  %11d records from the source, tasks %2.0f %% busy",
		st.Name, st.State, st.Uptime.Seconds(), records, share)
}

// farewell shows the last results.
func (s *screen) farewell(jobs []*launch.Job) {
	s.shown = time.Time{}
	s.draw(jobs)
	fmt.Fprintf(s.out, "Stopped after %.0f s; every job finished what it had read.\n",
		time.Since(s.start).Seconds())
	fmt.Fprintln(s.out, "Next: README.md has a job in twenty lines, examples/ has more to run and change.")
}

// each is a sink that calls f for every record.
func each[T any](f func(T)) connect.Sink[T] { return eachSink[T]{f} }

type eachSink[T any] struct{ f func(T) }

func (s eachSink[T]) Writer(connect.WriterContext, [][]byte) (connect.Writer[T], error) {
	return eachWriter[T](s), nil
}

type eachWriter[T any] struct{ f func(T) }

func (w eachWriter[T]) Write(records []T, _ []int64) error {
	for _, r := range records {
		w.f(r)
	}
	return nil
}

func (w eachWriter[T]) Flush(bool) error          { return nil }
func (w eachWriter[T]) Snapshot() ([]byte, error) { return nil, nil }
func (w eachWriter[T]) Close() error              { return nil }

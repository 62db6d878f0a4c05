// Package proc is a source of what a Linux machine's processes and network interfaces use, sampled
// from /proc: real, unbounded input that every such machine has.
//
// A sample of a process is the CPU time and the disk bytes since the sample before, and the memory
// it has now. A sample of an interface is the bytes received and sent. The past cannot be read
// again, so after a restart the source goes on with the present.
//
// Data flow: the only split is read by one reader, which lists /proc every interval and emits a
// record for each process and interface.
package proc

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/flott-dev/flott/connect"
)

// Sample is what a process or a network interface used in one interval.
type Sample struct {
	At   time.Time
	Name string // of the program, or "net " and the interface
	PID  int    // 0 for an interface
	// CPU is the share of one core since the sample before, 1 for a whole core.
	CPU float64
	// Memory is the resident memory in bytes.
	Memory int64
	// In and Out are bytes per second: read and written by a process (0 where the kernel does not
	// tell), received and sent by an interface.
	In, Out float64
}

// Options say how /proc is read. The zero value is a sensible default.
type Options struct {
	// Interval is the time between samples; 0 means a second.
	Interval time.Duration
	// Root is where /proc is; nil means the machine's.
	Root fs.FS
}

// Source returns the source.
func Source(o Options) connect.Source[Sample] {
	if o.Interval <= 0 {
		o.Interval = time.Second
	}
	if o.Root == nil {
		o.Root = os.DirFS("/proc")
	}
	return source{o}
}

type source struct{ o Options }

func (s source) Bounded() bool { return false }

const splitID = "proc"

// Enumerator has the one split.
func (s source) Enumerator(ctx connect.EnumeratorContext, state []byte) (connect.Enumerator, error) {
	left := []connect.Split{{ID: splitID}}
	if state != nil {
		var err error
		if left, err = connect.DecodeSplits(state); err != nil {
			return nil, err
		}
	}
	return connect.NewQueue(ctx, left), nil
}

func (s source) Reader(ctx connect.ReaderContext) (connect.Reader[Sample], error) {
	return &reader{o: s.o, ctx: ctx, last: map[string]usage{}}, nil
}

// usage is the counters of a process or interface at the last sample.
type usage struct {
	cpu     time.Duration
	in, out int64
}

type reader struct {
	o       Options
	ctx     connect.ReaderContext
	ours    bool
	noMore  bool
	next    time.Time
	before  time.Time
	last    map[string]usage
	pending []Sample
}

func (r *reader) Assign([]connect.Split) error {
	r.ours = true
	return nil
}

func (r *reader) NoMoreSplits() { r.noMore = true }

// Poll samples when it is time.
func (r *reader) Poll(out *connect.Output[Sample]) (connect.Status, error) {
	if !r.ours {
		if r.noMore {
			return connect.Ended, nil
		}
		return connect.Waiting, nil
	}
	if now := r.ctx.Now(); len(r.pending) == 0 && !now.Before(r.next) {
		if err := r.sample(now); err != nil {
			return connect.Waiting, err
		}
		r.next = now.Add(r.o.Interval)
	}
	if len(r.pending) == 0 {
		r.ctx.WakeAt(r.next)
		return connect.Waiting, nil
	}
	out.Split(splitID)
	n := min(out.Room(), len(r.pending))
	for _, s := range r.pending[:n] {
		out.EmitAt(s, s.At)
	}
	r.pending = r.pending[n:]
	return connect.More, nil
}

func (r *reader) Snapshot() ([]connect.Split, error) {
	if !r.ours {
		return nil, nil
	}
	return []connect.Split{{ID: splitID}}, nil
}

func (r *reader) Close() error { return nil }

// sample reads all processes and interfaces. Rates need a sample before, so the first makes none.
func (r *reader) sample(now time.Time) error {
	entries, err := fs.ReadDir(r.o.Root, ".")
	if err != nil {
		return fmt.Errorf("list /proc: %w; the source needs Linux", err)
	}
	seconds := now.Sub(r.before).Seconds()
	current := map[string]usage{}
	add := func(id string, s Sample, u usage) {
		current[id] = u
		old, known := r.last[id]
		if !known || r.before.IsZero() || seconds <= 0 {
			return
		}
		s.At = now
		s.CPU = max(0, (u.cpu-old.cpu).Seconds()/seconds)
		s.In = float64(max(0, u.in-old.in)) / seconds
		s.Out = float64(max(0, u.out-old.out)) / seconds
		r.pending = append(r.pending, s)
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		s, u, err := r.process(pid)
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, errGone) {
			continue // it ended meanwhile
		}
		if err != nil {
			return err
		}
		add(e.Name(), s, u)
	}
	if err := r.interfaces(add); err != nil {
		return err
	}
	r.last, r.before = current, now
	return nil
}

var errGone = errors.New("the process has ended")

// ticksPerSecond is the kernel's USER_HZ, which is 100 on all common machines.
const ticksPerSecond = 100

// process reads /proc/PID/stat and io.
func (r *reader) process(pid int) (s Sample, u usage, err error) {
	dir := strconv.Itoa(pid)
	stat, err := fs.ReadFile(r.o.Root, dir+"/stat")
	if err != nil {
		if strings.Contains(err.Error(), "no such process") {
			err = errGone
		}
		return s, u, err
	}
	// The name is in parentheses and may hold spaces and parentheses itself.
	text := string(stat)
	from, to := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')')
	if from < 0 || to < from {
		return s, u, fmt.Errorf("/proc/%s/stat has no name in parentheses", dir)
	}
	fields := strings.Fields(text[to+1:])
	if len(fields) < 22 {
		return s, u, fmt.Errorf("/proc/%s/stat has %d fields after the name, want 22", dir, len(fields))
	}
	s.PID, s.Name = pid, text[from+1:to]
	user, err1 := strconv.ParseInt(fields[11], 10, 64)
	system, err2 := strconv.ParseInt(fields[12], 10, 64)
	pages, err3 := strconv.ParseInt(fields[21], 10, 64)
	if err := errors.Join(err1, err2, err3); err != nil {
		return s, u, fmt.Errorf("/proc/%s/stat: %w", dir, err)
	}
	u.cpu = time.Duration(user+system) * time.Second / ticksPerSecond
	s.Memory = pages * int64(os.Getpagesize())
	u.in, u.out = r.disk(dir)
	return s, u, nil
}

// disk reads the bytes that a process read and wrote; other users' are not to be seen.
func (r *reader) disk(dir string) (in, out int64) {
	text, err := fs.ReadFile(r.o.Root, dir+"/io")
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ": ")
		n, err := strconv.ParseInt(value, 10, 64)
		if err != nil {
			continue
		}
		switch name {
		case "read_bytes":
			in = n
		case "write_bytes":
			out = n
		}
	}
	return in, out
}

// interfaces reads /proc/net/dev.
func (r *reader) interfaces(add func(id string, s Sample, u usage)) error {
	text, err := fs.ReadFile(r.o.Root, "net/dev")
	if errors.Is(err, fs.ErrNotExist) {
		return nil // a machine without network
	}
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		name, rest, ok := strings.Cut(line, ":")
		if !ok {
			continue // the two lines of headings
		}
		fields := strings.Fields(rest)
		if len(fields) < 9 {
			return fmt.Errorf("/proc/net/dev: interface %s has %d fields, want 9 or more",
				strings.TrimSpace(name), len(fields))
		}
		in, err1 := strconv.ParseInt(fields[0], 10, 64)
		out, err2 := strconv.ParseInt(fields[8], 10, 64)
		if err := errors.Join(err1, err2); err != nil {
			return fmt.Errorf("/proc/net/dev: %w", err)
		}
		id := "net " + strings.TrimSpace(name)
		add(id, Sample{Name: id}, usage{in: in, out: out})
	}
	return nil
}

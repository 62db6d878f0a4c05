package task

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/flott-dev/flott/connect"
)

// Stats are a task's counters. They are written by the task once a step and read by anyone.
type Stats struct {
	recordsIn, bytesIn   atomic.Int64
	recordsOut, bytesOut atomic.Int64
	recordsRead          atomic.Int64
	watermark            atomic.Int64
	ended                atomic.Bool
	backlog              backlog
	slowest              atomic.Pointer[string]
	sourceIdle           atomic.Bool
	rows                 int64
}

// Sample is a reading of a task's counters.
type Sample struct {
	RecordsIn, RecordsOut int64
	BytesIn, BytesOut     int64
	RecordsRead           int64 // by a source
	Watermark             int64
	Busy, Backpressured   time.Duration
	Idle                  time.Duration
	Ended                 bool
	// Backlog is what a source has still to read, nil if the task has none that tells.
	Backlog *connect.Backlog
	// Slowest is the split that holds a source's watermark back, "" if none is known; SourceIdle says that the watermark is not
	// waited for, as all splits are idle.
	Slowest    string
	SourceIdle bool
}

func (s *Stats) batch(rows int) { s.rows += int64(rows) }

func (s *Stats) update(t *Task) {
	if g := t.cfg.Gate; g != nil {
		s.recordsIn.Store(s.rows)
		s.bytesIn.Store(g.BytesIn())
		s.watermark.Store(g.Watermark())
	}
	var rows, bytes int64
	for _, n := range t.cfg.Nodes {
		if w, ok := n.(interface{ Sent() (rows, bytes int64) }); ok {
			r, b := w.Sent()
			rows, bytes = rows+r, bytes+b
		}
		if w, ok := n.(interface{ OutputWatermark() int64 }); ok {
			s.watermark.Store(w.OutputWatermark())
		}
		if r, ok := n.(source); ok {
			read, left, tells := r.Progress()
			if s.recordsRead.Store(read); tells {
				s.backlog.set(left)
			}
			split, idle := r.Slowest()
			s.setSlowest(split)
			s.sourceIdle.Store(idle)
		}
	}
	s.recordsOut.Store(rows)
	s.bytesOut.Store(bytes)
}

// setSlowest allocates when the split is another one only.
func (s *Stats) setSlowest(split string) {
	if old := s.slowest.Load(); old == nil || *old != split {
		other := split
		s.slowest.Store(&other)
	}
}

// source is an operator that reads.
type source interface {
	Progress() (read int64, left connect.Backlog, tells bool)
	Slowest() (split string, idle bool)
}

// backlog is a connect.Backlog that is read while it is written: then its numbers may be of two moments.
type backlog struct {
	known          atomic.Bool // there is one
	records, bytes atomic.Int64
	recordBytes    atomic.Uint64 // the bits of a float64
}

func (b *backlog) set(v connect.Backlog) {
	b.records.Store(v.Records)
	b.bytes.Store(v.Bytes)
	b.recordBytes.Store(math.Float64bits(v.RecordBytes))
	b.known.Store(true)
}

func (b *backlog) get() *connect.Backlog {
	if !b.known.Load() {
		return nil
	}
	return &connect.Backlog{
		Records: b.records.Load(), Bytes: b.bytes.Load(), RecordBytes: math.Float64frombits(b.recordBytes.Load()),
	}
}

// Sample reads the counters; now is the clock's time.
func (t *Task) Sample(now time.Time) Sample {
	idle, blocked, total := t.timing.read(now)
	slowest := ""
	if s := t.stats.slowest.Load(); s != nil {
		slowest = *s
	}
	return Sample{
		RecordsIn: t.stats.recordsIn.Load(), RecordsOut: t.stats.recordsOut.Load(),
		BytesIn: t.stats.bytesIn.Load(), BytesOut: t.stats.bytesOut.Load(),
		RecordsRead: t.stats.recordsRead.Load(), Watermark: t.stats.watermark.Load(),
		Idle: idle, Backpressured: blocked, Busy: max(0, total-idle-blocked),
		Ended: t.stats.ended.Load(), Backlog: t.stats.backlog.get(),
		Slowest: slowest, SourceIdle: t.stats.sourceIdle.Load(),
	}
}

// timing accounts for a task's time: parked for lack of input is idle, parked for lack of room is
// backpressured, the rest is busy. Times are counted from base, evenly, also when the machine's clock is set: they say how busy
// the task is, by which jobs are rescaled.
type timing struct {
	base           time.Time
	began, stopped atomic.Int64
	idle, blocked  account
}

// account is a sum of spans; open is the beginning of one that is not over, 0 for none.
type account struct{ sum, open atomic.Int64 }

func (a *account) begin(at int64) { a.open.Store(at) }

func (a *account) end(at int64) {
	a.sum.Add(at - a.open.Load())
	a.open.Store(0)
}

func (a *account) read(now int64) time.Duration {
	d := a.sum.Load()
	if o := a.open.Load(); o != 0 && now > o {
		d += now - o
	}
	return time.Duration(d)
}

// at is an instant in nanoseconds, from 1 on.
func (t *timing) at(now time.Time) int64 { return max(1, int64(now.Sub(t.base))+1) }

func (t *timing) start(now time.Time) { t.began.Store(t.at(now)) }

func (t *timing) stop() { t.stopped.Store(1) }

func (t *timing) read(now time.Time) (idle, blocked, total time.Duration) {
	n := t.at(now)
	if t.began.Load() == 0 {
		return 0, 0, 0
	}
	return t.idle.read(n), t.blocked.read(n), time.Duration(n - t.began.Load())
}

package task

import (
	"sync/atomic"
	"time"
)

// Stats are a task's counters. They are written by the task once a step and read by anyone.
type Stats struct {
	recordsIn, bytesIn   atomic.Int64
	recordsOut, bytesOut atomic.Int64
	watermark            atomic.Int64
	ended                atomic.Bool
	rows                 int64
}

// Sample is a reading of a task's counters.
type Sample struct {
	RecordsIn, RecordsOut int64
	BytesIn, BytesOut     int64
	Watermark             int64
	Busy, Backpressured   time.Duration
	Idle                  time.Duration
	Ended                 bool
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
	}
	s.recordsOut.Store(rows)
	s.bytesOut.Store(bytes)
}

// Sample reads the counters; now is the clock's time.
func (t *Task) Sample(now time.Time) Sample {
	idle, blocked, total := t.timing.read(now)
	return Sample{
		RecordsIn: t.stats.recordsIn.Load(), RecordsOut: t.stats.recordsOut.Load(),
		BytesIn: t.stats.bytesIn.Load(), BytesOut: t.stats.bytesOut.Load(),
		Watermark: t.stats.watermark.Load(),
		Idle:      idle, Backpressured: blocked, Busy: max(0, total-idle-blocked),
		Ended: t.stats.ended.Load(),
	}
}

// timing accounts for a task's time: parked for lack of input is idle, parked for lack of room is
// backpressured, the rest is busy.
type timing struct {
	began, stopped atomic.Int64
	idle, blocked  account
}

// account is a sum of spans; open is the beginning of one that is not over, 0 for none.
type account struct{ sum, open atomic.Int64 }

func (a *account) begin(now time.Time) { a.open.Store(max(1, now.UnixNano())) }

func (a *account) end(now time.Time) {
	a.sum.Add(now.UnixNano() - a.open.Load())
	a.open.Store(0)
}

func (a *account) read(now int64) time.Duration {
	d := a.sum.Load()
	if o := a.open.Load(); o != 0 && now > o {
		d += now - o
	}
	return time.Duration(d)
}

func (t *timing) start(now time.Time) { t.began.Store(max(1, now.UnixNano())) }

func (t *timing) stop() { t.stopped.Store(1) }

func (t *timing) read(now time.Time) (idle, blocked, total time.Duration) {
	n := now.UnixNano()
	if t.began.Load() == 0 {
		return 0, 0, 0
	}
	return t.idle.read(n), t.blocked.read(n), time.Duration(n - t.began.Load())
}

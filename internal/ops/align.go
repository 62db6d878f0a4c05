package ops

import (
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/operator"
)

// alignment keeps a source's splits in step with those of its group: splits whose watermark is more
// than the allowed drift ahead of the group's least one are paused. A reader that cannot pause
// single splits is not polled at all while one of them is ahead.
type alignment struct {
	group  operator.AlignmentGroup
	drift  int64
	every  int64
	next   int64 // processing time of the next report
	limit  int64 // largest watermark that goes on
	paused int   // splits
}

// align reports the source's watermark when it is time, and tells whether the reader may be polled.
func (s *sourceCore) align() bool {
	a := &s.aligned
	now := s.ctx.NowMillis()
	if now >= a.next {
		a.next = now + a.every
		low := s.reported()
		least := a.group.Report(s.ctx.Subtask, low)
		switch {
		case least == batch.MinTime: // somebody has no watermark yet
			a.limit = least
		case least < batch.MaxTime-a.drift:
			a.limit = least + a.drift
		default:
			a.limit = batch.MaxTime
		}
	}
	s.pauseAhead(now)
	if a.paused > 0 { // they go on when the others have got that far, of which nobody tells
		s.ctx.WakeAt(a.next)
	}
	return s.mayPoll()
}

// reported is the least watermark of the splits that are read; an idle source holds nobody back.
func (s *sourceCore) reported() int64 {
	switch {
	case s.idle || len(s.splits) == 0 && s.noMore:
		return batch.MaxTime
	case len(s.splits) == 0: // the first split, or the next, is on its way
		return s.watermark
	}
	return s.combined()
}

func (s *sourceCore) pauseAhead(now int64) {
	var stop, goOn []string
	for id, st := range s.splits {
		ahead := st.watermark > s.aligned.limit
		if ahead == st.paused {
			continue
		}
		st.paused = ahead
		if ahead {
			s.aligned.paused++
			stop = append(stop, id)
		} else {
			s.aligned.paused--
			st.active = now // the idleness clock stands still while a split is paused
			goOn = append(goOn, id)
		}
	}
	if p, ok := s.reader.(connect.Pauser); ok && len(stop)+len(goOn) > 0 {
		p.Pause(stop, goOn)
	}
}

func (s *sourceCore) mayPoll() bool {
	if s.aligned.paused == 0 {
		return true
	}
	if _, ok := s.reader.(connect.Pauser); ok {
		return s.aligned.paused < len(s.splits)
	}
	return false
}

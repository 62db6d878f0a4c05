package schedule

import (
	"fmt"
	"math"
	"math/rand/v2"
)

// Strategy decides whether what has failed is restarted. It belongs to one job.
type Strategy interface {
	// Failed tells of a failure at a time. It returns how long to wait before the restart, or that
	// there is none.
	Failed(now int64) (delay int64, restart bool)
	// Progress tells that the job has completed a checkpoint.
	Progress()
	// String names the strategy and its limits, for the error that ends the job.
	String() string
}

// Never restarts nothing.
type Never struct{}

// Failed gives up.
func (Never) Failed(int64) (int64, bool) { return 0, false }

// Progress changes nothing.
func (Never) Progress() {}

func (Never) String() string { return "no restart strategy" }

// FixedDelay restarts a number of times, each time after the same delay.
type FixedDelay struct {
	Attempts int
	Delay    int64
	failures int
}

// Failed counts.
func (s *FixedDelay) Failed(int64) (int64, bool) {
	s.failures++
	return s.Delay, s.failures <= s.Attempts
}

// Progress changes nothing: the attempts are those of the job's life.
func (s *FixedDelay) Progress() {}

func (s *FixedDelay) String() string {
	return fmt.Sprintf("fixed delay: %d attempts, %s apart", s.Attempts, seconds(s.Delay))
}

// FailureRate restarts as long as no more than Max failures happen within Interval.
type FailureRate struct {
	Max             int
	Interval, Delay int64
	failures        []int64
}

// Failed counts the failures of the last interval.
func (s *FailureRate) Failed(now int64) (int64, bool) {
	s.failures = append(s.failures, now)
	for len(s.failures) > 0 && now-s.failures[0] > s.Interval {
		s.failures = s.failures[1:]
	}
	return s.Delay, len(s.failures) <= s.Max
}

// Progress changes nothing.
func (s *FailureRate) Progress() {}

func (s *FailureRate) String() string {
	return fmt.Sprintf("failure rate: at most %d failures in %s", s.Max, seconds(s.Interval))
}

// ExponentialDelay restarts after a delay that grows from failure to failure, and begins anew when
// the job has run for Reset without one. Attempts bounds the restarts in a row, without a completed
// checkpoint between them; 0 does not.
type ExponentialDelay struct {
	Initial, Max, Reset int64
	Multiplier          float64
	// Jitter is the share of the delay by which it is changed at random, up or down.
	Jitter   float64
	Attempts int
	Rand     func() float64 `json:"-"` // in [0, 1); nil uses math/rand

	delay    int64
	last     int64 // when the last restart was due
	failed   bool
	attempts int
}

// Failed computes the next delay.
func (s *ExponentialDelay) Failed(now int64) (int64, bool) {
	if !s.failed || now-s.last >= s.Reset {
		s.delay, s.attempts = s.Initial, 0
	} else {
		s.delay = int64(math.Min(float64(s.Max), float64(s.delay)*s.Multiplier))
	}
	s.failed = true
	s.attempts++
	random := s.Rand
	if random == nil {
		random = rand.Float64
	}
	delay := float64(s.delay) * (1 + s.Jitter*(2*random()-1))
	d := min(s.Max, int64(delay))
	s.last = now + d
	return d, s.Attempts == 0 || s.attempts <= s.Attempts
}

// Progress makes the failures in a row begin anew.
func (s *ExponentialDelay) Progress() { s.attempts = 0 }

func (s *ExponentialDelay) String() string {
	return fmt.Sprintf("exponential delay: %s to %s, %d attempts without a checkpoint",
		seconds(s.Initial), seconds(s.Max), s.Attempts)
}

func seconds(nanos int64) string { return fmt.Sprintf("%gs", float64(nanos)/1e9) }

package schedule

import (
	"fmt"
	"slices"
	"testing"
)

const second = int64(1e9)

// failures tells a strategy of failures and returns its delays in seconds, "end" where it gives up.
func failures(s Strategy, at ...int64) (out []string) {
	for _, sec := range at {
		delay, again := s.Failed(sec * second)
		if !again {
			out = append(out, "end")
			continue
		}
		out = append(out, fmt.Sprint(float64(delay)/1e9))
	}
	return out
}

func TestStrategies(t *testing.T) {
	exponential := func(attempts int) *ExponentialDelay {
		return &ExponentialDelay{
			Initial: second, Max: 5 * second, Reset: 60 * second, Multiplier: 2, Attempts: attempts,
		}
	}
	for _, tc := range []struct {
		name string
		s    Strategy
		at   []int64
		want []string
	}{
		{"never", Never{}, []int64{0}, []string{"end"}},
		{"fixed", &FixedDelay{Attempts: 2, Delay: 3 * second}, []int64{0, 100, 1000}, []string{"3", "3", "end"}},
		{
			"rate", &FailureRate{Max: 2, Interval: 10 * second, Delay: second},
			[]int64{0, 9, 11, 12},
			[]string{"1", "1", "1", "end"},
		},
		{"grows", exponential(0), []int64{0, 2, 5, 10, 16}, []string{"1", "2", "4", "5", "5"}},
		{"begins anew", exponential(0), []int64{0, 2, 63, 127, 188}, []string{"1", "2", "4", "1", "1"}},
		{"gives up", exponential(2), []int64{0, 1, 2}, []string{"1", "2", "end"}},
	} {
		if got := failures(tc.s, tc.at...); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}

// TestProgressRenewsAttempts: a checkpoint between failures makes them begin anew, but not the delay.
func TestProgressRenewsAttempts(t *testing.T) {
	s := &ExponentialDelay{Initial: second, Max: 8 * second, Reset: 60 * second, Multiplier: 2, Attempts: 2}
	got := failures(s, 0, 1)
	s.Progress()
	got = append(got, failures(s, 4, 8, 16)...)
	if want := []string{"1", "2", "4", "8", "end"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

func TestJitterStaysInItsShare(t *testing.T) {
	for _, tc := range []struct{ random, want float64 }{{0, 0.9}, {0.5, 1}, {1, 1.1}} {
		s := &ExponentialDelay{
			Initial: second, Max: 60 * second, Multiplier: 2, Jitter: 0.1,
			Rand: func() float64 { return tc.random },
		}
		if d, _ := s.Failed(0); float64(d)/1e9 != tc.want {
			t.Errorf("random %v: %v, want %v", tc.random, float64(d)/1e9, tc.want)
		}
	}
}

func TestRegions(t *testing.T) {
	edges := [][2]int{{5, 1}, {2, 5}, {4, 3}}
	got := Regions(7, func(yield func(a, b int)) {
		for _, e := range edges {
			yield(e[0], e[1])
		}
	})
	if want := []int{0, 1, 1, 2, 2, 1, 3}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

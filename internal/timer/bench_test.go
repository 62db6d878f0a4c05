package timer

import "testing"

// BenchmarkSetFire keeps a million timers pending: each round sets one, and time moves on so that
// about as many fire. The metric is the cost of one timer, set and fired.
func BenchmarkSetFire(b *testing.B) {
	const pending = 1_000_000
	shapes := []struct {
		name string
		span int64 // timers lie up to this far ahead
		unit int64 // and are multiples of this
		step int64 // time moves on by this
		// tracked has a freeze whenever 200,000 have been set, whose snapshot is complete at once.
		tracked bool
	}{
		{"minute", 60_000, 1, 10, false},
		{"minute-tracked", 60_000, 1, 10, true},
		{"hour", 3_600_000, 1, 100, false},
		{"hour-windows", 3_600_000, 10_000, 10_000, false},
		{"one-bucket-by-1", 1000, 1, 1, false},
		{"month-by-second", 30 * 86_400_000, 1, 1000, false},
	}
	for _, s := range shapes {
		b.Run(s.name, func(b *testing.B) {
			var q Queue[uint64, int64]
			var x, fired uint64
			now := int64(1_700_000_000_000)
			set := func() {
				x++
				h := mix(x)
				q.Set(now+int64(h>>32*uint64(s.span)>>32)/s.unit*s.unit+s.unit, h, x, 0)
			}
			for range pending {
				set()
			}
			fire := func(*Entry[uint64, int64]) bool { fired++; return true }
			// A timer waits for half the span on average.
			perStep := max(int(2*pending*s.step/s.span), 1)
			round := func() {
				now += s.step
				q.Advance(now, fire)
				for range perStep {
					set()
				}
				if s.tracked && x%200_000 < uint64(perStep) {
					f := q.Freeze(0)
					f.Release()
					q.Confirm(f.Op)
				}
			}
			b.ReportAllocs()
			set0 := x
			fired = 0
			for b.Loop() {
				round()
			}
			timers := float64(x-set0+fired) / 2
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/timers, "ns/timer")
			b.ReportMetric(float64(q.Len()), "pending")
		})
	}
}

// BenchmarkHeapSetFire is the first case of BenchmarkSetFire with a binary heap that does not even
// notice timers set twice: the figure to compare with on a machine of unknown speed.
func BenchmarkHeapSetFire(b *testing.B) {
	const pending = 1_000_000
	var h []Entry[uint64, int64]
	var x uint64
	now := int64(1_700_000_000_000)
	set := func(span uint64) {
		x++
		hash := mix(x)
		at := now + int64(hash>>32*span>>32)
		pushHeap(&h, Entry[uint64, int64]{At: at, Hash: hash, Key: x})
	}
	for range pending {
		set(60_000)
	}
	b.ReportAllocs()
	for b.Loop() {
		now = popHeap(&h).At
		set(120_000)
	}
}

// BenchmarkFillDrain sets a million timers and fires them all.
func BenchmarkFillDrain(b *testing.B) {
	const n = 1_000_000
	shapes := map[string]func(h uint64) int64{
		"hour":     func(h uint64) int64 { return int64(h % 3_600_000) },
		"one-time": func(uint64) int64 { return 77 },
		"month":    func(h uint64) int64 { return int64(h % (30 * 86_400_000)) },
		"10-years": func(h uint64) int64 { return int64(h % (3650 * 86_400_000)) },
	}
	for name, at := range shapes {
		b.Run(name, func(b *testing.B) {
			var q Queue[uint64, int64]
			now := int64(1_700_000_000_000)
			b.ReportAllocs()
			for b.Loop() {
				for i := range uint64(n) {
					h := mix(i)
					q.Set(now+at(h>>20), h, i, 0)
				}
				now += 3650 * 86_400_000
				q.Advance(now, func(*Entry[uint64, int64]) bool { return true })
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/timer")
		})
	}
}

// BenchmarkReset moves each of a thousand timers ahead again and again, as session windows do.
func BenchmarkReset(b *testing.B) {
	const keys = 1000
	var q Queue[uint64, int64]
	var at [keys]int64
	now := int64(0)
	i := uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		k := i % keys
		h := mix(k)
		q.Delete(at[k], h, k)
		at[k] = now + 10_000
		q.Set(at[k], h, k, 0)
		i++
		if i%100 == 0 {
			now++
			q.Advance(now, func(*Entry[uint64, int64]) bool { return true })
		}
	}
}

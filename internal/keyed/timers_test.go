package keyed

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/timer"
	"pgregory.net/rapid"
)

func TestTimersAgainstModel(t *testing.T) {
	checkTimers(t, "int64", func(x int) int64 { return int64(x) })
	checkTimers(t, "string", func(x int) string { return text(uint64(x % 30)) })
	checkTimers(t, "list", func(x int) []int64 { return make([]int64, x%5, 8) })
}

// checkTimers sets, deletes and fires timers while snapshots are written, given up and confirmed late,
// and restores each.
func checkTimers[P any](t *testing.T, name string, payload func(x int) P) {
	c := mustCodec[P](t)
	for _, isWord := range []bool{true, false} {
		t.Run(fmt.Sprintf("%s/word=%v", name, isWord), func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				b := newTestBackend(isWord)
				s := NewTimers(b, c)
				h := newHistory(b, s, func(b *Backend) State { return NewTimers(b, c) })
				h.dump = func(s State) map[string]string { return dumpTimers(s.(*Timers[P])) }
				now := int64(0)
				set := func(at int64, x int) {
					p := payload(x)
					s.Set(at, p)
					h.model[h.timer(at)] = string(c.Append(nil, &p))
				}
				remove := func(at int64) {
					s.Delete(at)
					delete(h.model, h.timer(at))
				}
				times := rapid.Custom(func(t *rapid.T) int64 {
					return now + rapid.SampledFrom([]int64{-3, 0, 1, 2, 30, 64, 5000}).Draw(t, "at")
				})
				h.touch = func() { set(now+7, 1) }
				h.drop = func() { remove(now + 7) }
				change := func(t *rapid.T) {
					h.setKey(t)
					if at := times.Draw(t, "time"); rapid.IntRange(0, 2).Draw(t, "delete at 0") == 0 {
						remove(at)
					} else {
						set(at, rapid.IntRange(0, 99).Draw(t, "payload"))
					}
				}
				h.run(t, map[string]func(*rapid.T){
					"change": func(t *rapid.T) {
						for range rapid.IntRange(1, 30).Draw(t, "times") {
							change(t)
						}
					},
					"fire": func(t *rapid.T) {
						now = max(now, times.Draw(t, "to"))
						left := rapid.IntRange(1, 50).Draw(t, "suspend in")
						last := int64(math.MinInt64)
						s.Fire(now, func(at int64, p P) bool {
							h.key = string(b.AppendKey(nil, b.Word, b.Bytes))
							if want, ok := h.model[h.timer(at)]; !ok || want != string(c.Append(nil, &p)) {
								t.Fatalf("key %q fires at %d with %v, want %q", h.key, at, p, want)
							}
							delete(h.model, h.timer(at))
							if at < last {
								t.Fatalf("%d fires after %d", at, last)
							}
							if last = at; rapid.IntRange(0, 3).Draw(t, "set again at 0") == 0 {
								set(now+rapid.SampledFrom([]int64{0, 1, 40}).Draw(t, "again"), 5)
								last = math.MinInt64 // what is set into the past comes next
							}
							left--
							return left > 0
						})
					},
				})
			})
		})
	}
}

// timer is what a section has of a timer of the current key, but for the payload.
func (h *history) timer(at int64) string { return string(binary.AppendVarint(nil, at)) + h.key }

func dumpTimers[P any](t *Timers[P]) map[string]string {
	got := map[string]string{}
	add := func(at int64, word uint64, key string, p P) {
		id := t.b.AppendKey(binary.AppendVarint(nil, at), word, []byte(key))
		got[string(id)] = string(t.codec.Append(nil, &p))
	}
	if t.words != nil {
		t.words.Range(func(e *timer.Entry[uint64, P]) bool {
			add(e.At, e.Key, "", e.Payload)
			return true
		})
		return got
	}
	t.texts.Range(func(e *timer.Entry[string, P]) bool {
		add(e.At, 0, e.Key, e.Payload)
		return true
	})
	return got
}

// timersRig drives many timers next to a model, so that logs are compacted and dealt out.
type timersRig struct {
	r     *rand.Rand
	b     *Backend
	s     *Timers[int64]
	now   int64
	span  int64
	model map[timerOf]int64
}

type timerOf struct {
	at  int64
	key uint64
}

func newTimersRig(t testing.TB, groups int, seed uint64) *timersRig {
	b := &Backend{IsWord: true, MaxParallelism: groups, Last: groups - 1}
	return &timersRig{
		r: rand.New(rand.NewPCG(seed, 0)), b: b, s: NewTimers(b, mustCodec[int64](t)),
		span: 1 << (2 + seed%4*6), model: map[timerOf]int64{},
	}
}

func (g *timersRig) setKey(key uint64) { g.b.Set(codec.HashWord(key), key, nil) }

// change sets, deletes and sets again; now and then time moves on.
func (g *timersRig) change(t testing.TB, n int) {
	for range g.r.IntN(n) {
		k := timerOf{g.now + g.r.Int64N(g.span) - 1, g.r.Uint64N(200)}
		g.setKey(k.key)
		if g.r.IntN(3) == 0 {
			g.s.Delete(k.at)
			delete(g.model, k)
			continue
		}
		v := g.r.Int64()
		g.s.Set(k.at, v)
		g.model[k] = v
	}
	if g.r.IntN(3) > 0 {
		g.now += g.r.Int64N(g.span/8 + 2)
		left := g.r.IntN(3 * n)
		g.s.Fire(g.now, func(at, v int64) bool {
			k := timerOf{at, g.b.Word}
			if want, ok := g.model[k]; !ok || v != want {
				t.Fatalf("%v fires with %d, want %d (there: %v)", k, v, want, ok)
			}
			delete(g.model, k)
			if left--; left%3 == 0 {
				k.at = g.now - 1 + g.r.Int64N(4)
				g.s.Set(k.at, v)
				g.model[k] = v
			}
			return left > 0
		})
	}
}

// TestTimersSnapshots has enough timers for what a few do not come to: buckets that are compacted, dealt
// out and fired in part, and more deletions than are remembered.
func TestTimersSnapshots(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			g := newTimersRig(t, 5, seed)
			var confirmed []operator.Section
			written := map[int64][]operator.Section{}
			deltas, bases := 0, 0
			for id := int64(1); id < 40; id++ {
				g.change(t, 4000)
				want := maps.Clone(g.model)
				full := confirmed == nil || g.r.IntN(12) == 0
				base := confirmed
				f := g.s.Freeze("timers", id, full).(*frozenTimers[uint64, int64])
				if f.kind == scanDelta {
					deltas++
				} else if !full {
					bases++
				}
				if g.r.IntN(8) == 0 {
					f.Discard()
					continue
				}
				if old := id - 1 - int64(g.r.IntN(2)); written[old] != nil && g.r.IntN(2) == 0 {
					g.s.Confirm(old) // while this one is being written
					confirmed = written[old]
					clear(written)
				}
				var sections []operator.Section
				emit := func(x operator.Section) { sections = append(sections, x) }
				for n := 0; !f.step(1000, emit); n++ {
					if n%4 == 0 {
						g.change(t, 1000)
					}
				}
				all := resolve(base, sections, full)
				restoreTimers(t, all, want)
				if written[id] = all; g.r.IntN(3) > 0 {
					g.s.Confirm(id)
					confirmed = all
					clear(written)
				}
			}
			if deltas < 4 || bases == 0 {
				t.Errorf("%d increments, and %d times a base instead", deltas, bases)
			}
		})
	}
}

func restoreTimers(t *testing.T, sections []operator.Section, want map[timerOf]int64) {
	t.Helper()
	to := newTimersRig(t, 5, 0)
	for _, x := range sections {
		data, _ := x.Data.Load()
		if err := to.s.RestoreGroup(x.Group, x.Delta, data); err != nil {
			t.Fatal(err)
		}
	}
	got := map[timerOf]int64{}
	to.s.Fire(math.MaxInt64, func(at, v int64) bool {
		got[timerOf{at, to.b.Word}] = v
		return true
	})
	if !maps.Equal(got, want) {
		t.Fatalf("%d timers restored from %d sections differ from the %d at the barrier",
			len(got), len(sections), len(want))
	}
}

// A payload that is changed after the barrier is written as it was.
func TestTimersPayloadIsCopied(t *testing.T) {
	b := newTestBackend(true)
	s := NewTimers(b, mustCodec[[]string](t))
	b.Set(codec.HashWord(1), 1, nil)
	p := []string{"as set"}
	s.Set(10, p)
	f := s.Freeze("timers", 1, true)
	p[0] = "changed by who set it"
	s.Fire(10, func(_ int64, p []string) bool {
		if p[0] != "as set" {
			t.Errorf("fires with %q", p[0])
		}
		p[0] = "changed by the handler"
		return true
	})
	to := NewTimers(newTestBackend(true), mustCodec[[]string](t))
	for !f.Step(func(x operator.Section) {
		data, _ := x.Data.Load()
		if err := to.RestoreGroup(x.Group, x.Delta, data); err != nil {
			t.Fatal(err)
		}
	}) {
	}
	if n := to.words.Count(); n != 1 {
		t.Fatalf("%d timers restored", n)
	}
	to.Fire(10, func(_ int64, p []string) bool {
		if p[0] != "as set" {
			t.Errorf("restored with %q", p[0])
		}
		return true
	})
}

// An increment has what was set, and what has fired, but not what came and went in between.
func TestTimersIncrement(t *testing.T) {
	g := newTimersRig(t, 4, 0)
	write := func(id int64) (bytes int) {
		f := g.s.Freeze("timers", id, false)
		for !f.Step(func(x operator.Section) { bytes += int(x.Data.Size()) }) {
		}
		g.s.Confirm(id)
		return bytes
	}
	set := func(at int64, keys int) {
		for k := range uint64(keys) {
			g.setKey(k)
			g.s.Set(at, 1)
		}
	}
	fire := func(to int64) { g.s.Fire(to, func(int64, int64) bool { return true }) }
	set(10_000, 10_000)
	base := write(1)
	for at := int64(1); at < 100; at++ {
		set(at, 1000)
		fire(at)
	}
	if n := write(2); n != 0 {
		t.Errorf("%d bytes for timers that have come and gone", n)
	}
	set(200, 100)
	if n := write(3); n < 100*10 || n > base/50 {
		t.Errorf("%d bytes for 100 timers, the base of 10000 has %d", n, base)
	}
	fire(200)
	if n := write(4); n < 100*10 || n > base/50 {
		t.Errorf("%d bytes for 100 that have fired", n)
	}
}

// BenchmarkTimersSnapshot is the stop at the barrier, and the steps, for a million timers.
func BenchmarkTimersSnapshot(b *testing.B) {
	for _, c := range []struct {
		name    string
		changes int
	}{{"base", 0}, {"delta-10000", 10_000}, {"delta-200000", 200_000}} {
		b.Run(c.name, func(b *testing.B) {
			g := newTimersRig(b, 128, 1)
			set := func(n int) {
				for range n {
					g.setKey(g.r.Uint64())
					g.s.Set(g.now+1+g.r.Int64N(3_600_000), 1)
				}
			}
			set(1_000_000)
			due := make([]int64, 0, 1_000_000)
			g.s.words.Range(func(e *timer.Entry[uint64, int64]) bool { due = append(due, e.At); return true })
			slices.SortFunc(due, cmp.Compare[int64])
			var freeze, step, all time.Duration
			var bytes, n int64
			write := func(id int64) {
				bytes = 0
				began := time.Now()
				f := g.s.Freeze("timers", id, c.changes == 0)
				freeze = max(freeze, time.Since(began))
				for done := false; !done; {
					at := time.Now()
					done = f.Step(func(x operator.Section) { bytes += x.Data.Size() })
					step = max(step, time.Since(at))
				}
				all += time.Since(began)
				g.s.Confirm(id)
			}
			write(1)
			freeze, step, all = 0, 0, 0
			for id := int64(2); b.Loop(); id++ {
				if c.changes > 0 { // as many fire as are set
					g.s.chains[0].deltas, g.s.chains[0].deltaBytes = 0, 0
					i := min(int(id-1)*c.changes, len(due)-1)
					g.now = due[i]
					g.s.Fire(g.now, func(int64, int64) bool { return true })
					set(c.changes)
				}
				write(id)
				n++
			}
			b.ReportMetric(float64(freeze.Microseconds())/1000, "freeze-ms")
			b.ReportMetric(float64(step.Microseconds())/1000, "step-ms")
			b.ReportMetric(float64(all.Milliseconds())/float64(n), "all-ms")
			b.ReportMetric(float64(bytes), "bytes")
		})
	}
}

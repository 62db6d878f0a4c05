package keyed

import (
	"encoding/binary"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/cputime"
	"github.com/flott-dev/flott/internal/operator"
)

// xorshift draws keys in the timed loop at about a nanosecond each.
type xorshift uint64

func (x *xorshift) next() uint64 {
	v := *x
	v ^= v << 13
	v ^= v >> 7
	v ^= v << 17
	*x = v
	return uint64(v)
}

func size(n int) string {
	if n >= 1_000_000 {
		return fmt.Sprintf("%dM", n/1_000_000)
	}
	return fmt.Sprintf("%dK", n/1000)
}

func BenchmarkMapUpsert(b *testing.B) {
	for _, n := range []int{1000, 100_000, 1_000_000, 10_000_000} {
		b.Run("word/"+size(n), func(b *testing.B) {
			var m Map[int64]
			for k := range uint64(n) {
				m.Upsert(mix(k), k)
			}
			x := xorshift(88172645463325252)
			b.ReportAllocs()
			for b.Loop() {
				k := (x.next() >> 32) * uint64(n) >> 32
				v, _ := m.Upsert(mix(k), k)
				*v++
			}
			b.ReportMetric(float64(m.Len())/float64(m.words.mask+1), "load")
		})
	}
}

func BenchmarkGoMapUpsert(b *testing.B) {
	for _, n := range []int{1000, 1_000_000} {
		b.Run("word/"+size(n), func(b *testing.B) {
			m := map[uint64]int64{}
			for k := range uint64(n) {
				m[k] = 1
			}
			x := xorshift(88172645463325252)
			for b.Loop() {
				m[(x.next()>>32)*uint64(n)>>32]++
			}
		})
	}
}

func BenchmarkTableUpsert(b *testing.B) {
	for _, n := range []int{1000, 1_000_000, 10_000_000} {
		b.Run("word/"+size(n), func(b *testing.B) {
			t := NewTable[int64](128, 0, 127)
			for k := range uint64(n) {
				t.Upsert(mix(k), k)
			}
			x := xorshift(88172645463325252)
			b.ReportAllocs()
			for b.Loop() {
				k := (x.next() >> 32) * uint64(n) >> 32
				v, _ := t.Upsert(mix(k), k)
				*v++
			}
		})
	}
}

func BenchmarkMapUpsertString(b *testing.B) {
	for _, n := range []int{1000, 1_000_000} {
		b.Run(size(n), func(b *testing.B) {
			var m Map[int64]
			key := []byte("customer-id-........")
			for k := range uint64(n) {
				binary.LittleEndian.PutUint64(key[12:], k)
				m.UpsertBytes(mix(k), key)
			}
			x := xorshift(88172645463325252)
			b.ReportAllocs()
			for b.Loop() {
				k := (x.next() >> 32) * uint64(n) >> 32
				binary.LittleEndian.PutUint64(key[12:], k)
				v, _ := m.UpsertBytes(mix(k), key)
				*v++
			}
		})
	}
}

// BenchmarkMapFill measures inserting into an empty table, growth included.
func BenchmarkMapFill(b *testing.B) {
	const n = 1_000_000
	b.ReportAllocs()
	for b.Loop() {
		var m Map[int64]
		for k := range uint64(n) {
			m.Upsert(mix(k), k)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/key")
}

// BenchmarkMapBatch is a small table that is filled and cleared for each batch.
func BenchmarkMapBatch(b *testing.B) {
	const rows, keys = 1024, 100
	var m Map[int64]
	x := xorshift(88172645463325252)
	b.ReportAllocs()
	for b.Loop() {
		for range rows {
			k := (x.next() >> 32) * keys >> 32
			v, _ := m.Upsert(mix(k), k)
			*v++
		}
		m.Clear()
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/rows, "ns/row")
}

func BenchmarkMapDeleteInsert(b *testing.B) {
	for _, n := range []uint64{1000, 1_000_000} {
		b.Run(size(int(n)), func(b *testing.B) {
			var m Map[int64]
			for k := range n {
				m.Upsert(mix(k), k)
			}
			next := n
			b.ReportAllocs()
			for b.Loop() {
				m.Delete(mix(next-n), next-n)
				m.Upsert(mix(next), next)
				next++
			}
		})
	}
}

func BenchmarkMapRange(b *testing.B) {
	const n = 1_000_000
	var m Map[int64]
	for k := range uint64(n) {
		m.Upsert(mix(k), k)
	}
	var sum int64
	for b.Loop() {
		for i := m.Next(-1); i >= 0; i = m.Next(i) {
			_, _, _, v := m.At(i)
			sum += *v
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/key")
}

// benchValues is a state of n keys, with changes tracked if tracked.
func benchValues[V any](b *testing.B, n int, isWord, tracked bool) (*Values[V], func(k uint64)) {
	c, err := codec.For[V](nil)
	if err != nil {
		b.Fatal(err)
	}
	s := NewValues(&Backend{IsWord: isWord, MaxParallelism: 128, Last: 127}, c)
	key := []byte("customer-id-........")
	set := func(k uint64) {
		if isWord {
			s.b.Set(mix(k), k, nil)
			return
		}
		binary.LittleEndian.PutUint64(key[12:], k)
		s.b.Set(codec.HashBytes(key), 0, key)
	}
	for k := range uint64(n) {
		set(k)
		s.Current()
	}
	if tracked {
		benchFreeze(s, 1)
	}
	return s, set
}

// benchFreeze writes and confirms a snapshot. It returns the times of the freeze, of the longest step,
// of all steps, and the bytes.
func benchFreeze[V any](s *Values[V], id int64) (freeze, longest, all time.Duration, bytes int64) {
	begin := time.Now()
	f := s.Freeze("state", id, false)
	freeze = time.Since(begin)
	for done := false; !done; {
		at := time.Now()
		done = f.Step(func(section operator.Section) { bytes += section.Data.Size() })
		longest = max(longest, time.Since(at))
	}
	all = time.Since(begin)
	s.Confirm(id)
	return freeze, longest, all, bytes
}

// inBatches calls f with random keys below n as operators do: a batch has its keys and their hashes, which
// are touched first.
func inBatches(b *testing.B, n int, isWord bool, touch func(hashes []uint64) uint64,
	f func(hash, word uint64, key []byte),
) {
	const rows, size = 1024, 20
	words, hashes, texts := make([]uint64, rows), make([]uint64, rows), make([]byte, rows*size)
	for i := range rows {
		copy(texts[i*size:], "customer-id-")
	}
	at := rows
	x := xorshift(88172645463325252)
	var sink uint64
	began := cputime.Process()
	for b.Loop() {
		if at == rows {
			for i := range rows {
				words[i] = (x.next() >> 32) * uint64(n) >> 32
				hashes[i] = mix(words[i])
				if !isWord {
					text := texts[i*size:][:size]
					binary.LittleEndian.PutUint64(text[12:], words[i])
					hashes[i] = codec.HashBytes(text)
				}
			}
			sink += touch(hashes)
			at = 0
		}
		f(hashes[at], words[at], texts[at*size:][:size])
		at++
	}
	b.ReportMetric(float64(cputime.Process()-began)/float64(b.N), "cpu-ns/op")
	runtime.KeepAlive(sink)
}

// BenchmarkValues is a count for a random key: untracked, or with changes tracked.
func BenchmarkValues(b *testing.B) {
	for _, isWord := range []bool{true, false} {
		for _, n := range []int{1_000_000, 10_000_000} {
			for _, tracked := range []bool{false, true} {
				b.Run(fmt.Sprintf("word=%v/%s/tracked=%v", isWord, size(n), tracked), func(b *testing.B) {
					s, _ := benchValues[int64](b, n, isWord, tracked)
					b.ReportAllocs()
					inBatches(b, n, isWord, s.Touch, func(hash, word uint64, key []byte) {
						s.b.Set(hash, word, key)
						v, _ := s.Current()
						*v++
					})
				})
			}
		}
	}
}

// BenchmarkPacked is a change of a string for a random key.
func BenchmarkPacked(b *testing.B) {
	for _, n := range []int{100, 1_000_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s, set := benchValues[string](b, n, true, true)
			x := xorshift(88172645463325252)
			texts := []string{"a value", "another", "the last"}
			b.ReportAllocs()
			for b.Loop() {
				r := x.next()
				set((r >> 32) * uint64(n) >> 32)
				v, _ := s.Current()
				*v = texts[r%3]
			}
		})
	}
}

// BenchmarkSnapshot is a base and deltas of ten million keys; ms are of one snapshot.
func BenchmarkSnapshot(b *testing.B) {
	const n = 10_000_000
	for _, c := range []struct {
		name          string
		writes, among uint64
	}{{"base", 0, 1}, {"uniform", 2_000_000, n}, {"hot", 2_000_000, n / 1000}} {
		b.Run(c.name, func(b *testing.B) {
			s, set := benchValues[int64](b, n, true, c.writes > 0)
			x, id := xorshift(88172645463325252), int64(1)
			var freeze, longest, all time.Duration
			var bytes int64
			for b.Loop() {
				for range c.writes {
					set((x.next() >> 32) * c.among >> 32)
					v, _ := s.Current()
					*v++
				}
				if id++; c.writes == 0 {
					s.plain.chains = nil // as if it were the first
				} else {
					for g := range s.plain.chains { // a delta, never a base
						s.plain.chains[g].deltas, s.plain.chains[g].deltaBytes = 0, 0
					}
				}
				f, l, a, size := benchFreeze(s, id)
				freeze, longest, all, bytes = max(freeze, f), max(longest, l), all+a, bytes+size
			}
			b.ReportMetric(float64(freeze.Microseconds()), "freeze-max-us")
			b.ReportMetric(float64(longest.Microseconds()), "step-max-us")
			b.ReportMetric(float64(all.Milliseconds())/float64(b.N), "all-ms")
			b.ReportMetric(float64(bytes)/1e6/float64(b.N), "MB")
			b.ReportMetric(float64(bytes)/1e6/all.Seconds(), "MB/s")
		})
	}
}

// BenchmarkSnapshotStrings is a delta of a tenth of a million strings of 60 bytes.
func BenchmarkSnapshotStrings(b *testing.B) {
	const n, writes = 1_000_000, 100_000
	s, set := benchValues[string](b, 0, true, false)
	text := strings.Repeat("state ", 10)
	for k := range uint64(n) {
		set(k)
		v, _ := s.Current()
		*v = text
	}
	benchFreeze(s, 1)
	x, id := xorshift(88172645463325252), int64(1)
	var all time.Duration
	texts := [2]string{strings.Repeat("news ", 12), text}
	for b.Loop() {
		for range writes {
			set((x.next() >> 32) * n >> 32)
			v, _ := s.Current()
			*v = texts[id&1]
		}
		for g := range s.packed.records.chains {
			s.packed.records.chains[g].deltas, s.packed.records.chains[g].deltaBytes = 0, 0
		}
		id++
		_, _, a, _ := benchFreeze(s, id)
		all += a
	}
	b.ReportMetric(float64(all.Nanoseconds())/float64(b.N)/writes, "ns/value")
}

// BenchmarkTTL is a count for a random key in a state with TTL, of which nothing is expired and all is
// swept all the time; the clock is read for each record, or held as for a batch.
func BenchmarkTTL(b *testing.B) {
	const n = 1_000_000
	for _, c := range []struct {
		name  string
		sweep int
		hold  bool
	}{{"sweep=8", 8, true}, {"sweep=0", -1, true}, {"sweep=0/clock", -1, false}} {
		b.Run(c.name, func(b *testing.B) {
			backend := &Backend{IsWord: true, MaxParallelism: 128, Last: 127}
			backend.Now = func() int64 { return time.Now().UnixMilli() }
			s := NewTTLValues(backend, mustCodec[Timed[int64]](b), mustCodec[int64](b),
				TTL{Millis: 3_600_000, Sweep: c.sweep})
			for k := range uint64(n) {
				backend.Set(mix(k), k, nil)
				s.Current()
			}
			if c.hold {
				backend.HoldClock()
			}
			x := xorshift(88172645463325252)
			for b.Loop() {
				if c.sweep > 0 {
					s.sweeper.next = 0 // the pass that has ended shows that nothing is expired
				}
				k := (x.next() >> 32) * n >> 32
				backend.Set(mix(k), k, nil)
				v, _ := s.Current()
				*v++
			}
		})
	}
}

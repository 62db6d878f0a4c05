package keyed

import (
	"encoding/binary"
	"fmt"
	"testing"
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

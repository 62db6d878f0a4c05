package keyed

import (
	"fmt"
	"testing"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/operator"
	"pgregory.net/rapid"
)

func newSets(b *Backend) *Sets {
	s, err := NewSets(b)
	if err != nil {
		panic(err)
	}
	return s
}

func TestSetsAgainstModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := newTestBackend(rapid.Bool().Draw(t, "word"))
		defer putOnDisk(b, rapid.Bool().Draw(t, "disk"))()
		s := newSets(b)
		model := map[string]map[string]int64{}
		h := newHistory(b, s, func(b *Backend) State { return newSets(b) })
		h.dump = func(st State) map[string]string {
			all, s := map[string]map[string]int64{}, st.(*Sets)
			s.Range(func(hash, _ uint64, entry []byte, v *uint64) bool {
				k, rest, err := s.keys.TakeKey(entry)
				if err != nil {
					panic(err)
				}
				if s.b.HashOf(entry) != hash {
					panic("an entry is found by another hash than it is restored with")
				}
				row, _, err := takeList(rest)
				if err != nil {
					panic(err)
				}
				key := string(s.keys.AppendKey(nil, k.Word, k.Bytes))
				if all[key] == nil {
					all[key] = map[string]int64{}
				}
				all[key][string(row)] = int64(*v)
				return true
			})
			got := map[string]string{}
			for key, m := range all {
				got[key] = fmt.Sprint(m)
			}
			return got
		}
		of := func() map[string]int64 {
			if h.model[h.key] == "" {
				model[h.key] = map[string]int64{}
			}
			return model[h.key]
		}
		changed := func() {
			if h.model[h.key] = fmt.Sprint(model[h.key]); len(model[h.key]) == 0 {
				delete(h.model, h.key)
			}
		}
		rows := rapid.SampledFrom([]string{"", "a", "ab", "\x00", "a row that is longer than a few words"})
		// each looks up some rows of some keys at once.
		each := func(t *rapid.T, f func(i int, rows map[string]int64, row string)) {
			var keys []uint64
			var wanted []string
			s.Begin()
			for range rapid.IntRange(1, 20).Draw(t, "rows") {
				keys = append(keys, rapid.Uint64Range(0, h.domain).Draw(t, "key"))
				wanted = append(wanted, rows.Draw(t, "row"))
				h.setKeyTo(keys[len(keys)-1])
				s.Want([]byte(wanted[len(wanted)-1]))
			}
			s.Touch()
			for i, k := range keys {
				h.setKeyTo(k)
				m := of()
				h.model[h.key] = "some"
				f(i, m, wanted[i])
				changed()
			}
		}
		h.run(t, map[string]func(*rapid.T){
			"mark": func(t *rapid.T) {
				each(t, func(i int, m map[string]int64, row string) {
					bits := rapid.Int64Range(1, 7).Draw(t, "bits")
					if got, want := s.Mark(i, uint64(bits)), uint64(bits&^m[row]); got != want {
						t.Fatalf("bits %b of %q are new, want %b", got, row, want)
					}
					m[row] |= bits
				})
			},
			"add": func(t *rapid.T) {
				each(t, func(i int, m map[string]int64, row string) {
					n := rapid.Int64Range(-2, 2).Draw(t, "n")
					m[row] += n
					if got := s.Add(i, n); got != m[row] {
						t.Fatalf("%q is there %d times, want %d", row, got, m[row])
					}
					if m[row] == 0 {
						delete(m, row)
					}
				})
			},
			"drop": func(t *rapid.T) {
				h.setKey(t)
				s.Drop()
				clear(of())
				changed()
			},
		})
	})
}

// A row that has all bits already is not written again with the next checkpoint.
func TestMarkOfWhatIsThereChangesNothing(t *testing.T) {
	b := newTestBackend(true)
	s := newSets(b)
	b.Add("sets", s)
	mark := func() {
		b.Set(codec.HashWord(1), 1, nil)
		s.Begin()
		s.Want([]byte("a"))
		s.Mark(0, 2)
	}
	mark()
	first, second := operator.Snapshot{Checkpoint: 1}, operator.Snapshot{Checkpoint: 2}
	b.Snapshot(&first)
	first.Finish()
	if err := b.Completed(1); err != nil {
		t.Fatal(err)
	}
	mark()
	b.Snapshot(&second)
	second.Finish()
	if len(first.State.Keyed) != 1 || len(second.State.Keyed) != 0 {
		t.Errorf("%d and %d sections were written, want 1 and 0", len(first.State.Keyed), len(second.State.Keyed))
	}
}

// BenchmarkSets looks up two rows of each of a batch's keys, a third of which are new.
func BenchmarkSets(b *testing.B) {
	const keys, rows = 10_000, 200
	s := newSets(&Backend{MaxParallelism: 128, Last: 127})
	x, row, batchRows := xorshift(88172645463325252), make([]byte, 4), 1000
	key := []byte("a channel and a day")
	b.ReportAllocs()
	for b.Loop() {
		s.Begin()
		for range batchRows {
			k, r := x.next()%keys, x.next()%rows
			key[0], key[1] = byte(k), byte(k>>8)
			row[0], row[1] = byte(r), byte(r>>8)
			s.keys.Set(mix(k), 0, key)
			s.Want(row)
		}
		s.Touch()
		for i := range batchRows {
			s.Mark(i, 1)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*batchRows), "ns/row")
}

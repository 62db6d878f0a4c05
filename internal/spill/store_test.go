package spill_test

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/spill"
)

type value struct {
	Text string
	List []int64
	N    int
}

func newStore(t interface{ Fatal(...any) }, d *spill.Dir) *spill.Store[*batch.Rows[value]] {
	c, err := codec.For[value](nil)
	if err != nil {
		t.Fatal(err)
	}
	return spill.NewStore(d, c)
}

// drawBatch makes any batch, also an empty one, with marks before, between and behind rows.
func drawBatch(t *rapid.T, pool *batch.Pool[value]) *batch.Rows[value] {
	b := pool.Get()
	for range rapid.IntRange(0, 20).Draw(t, "rows") {
		if rapid.IntRange(0, 4).Draw(t, "mark") == 0 {
			b.Mark(rapid.Int64().Draw(t, "watermark"))
		}
		v := value{rapid.String().Draw(t, "text"), nil, rapid.Int().Draw(t, "n")}
		if rapid.Bool().Draw(t, "list") {
			v.List = rapid.SliceOfN(rapid.Int64(), 1, 5).Draw(t, "items")
		}
		b.Add(v, rapid.Int64().Draw(t, "time"))
	}
	if rapid.Bool().Draw(t, "last mark") {
		b.Mark(rapid.Int64().Draw(t, "last watermark"))
	}
	if rapid.Bool().Draw(t, "keyed") {
		for i := range b.KeyColumn() {
			b.Keys[i] = rapid.Uint64().Draw(t, "key")
		}
	}
	return b
}

func describe(b *batch.Rows[value]) string {
	return fmt.Sprintf("%+v %v %v %v", b.Vals, b.Times, slices.Clone(b.Keys), b.Marks)
}

func TestStoreGivesBackWhatWasPut(t *testing.T) {
	parent := t.TempDir()
	rapid.Check(t, func(t *rapid.T) {
		d := &spill.Dir{Parent: parent}
		s := newStore(t, d)
		pool := batch.NewPool[value](32)
		var pieces []spill.Piece
		var want []string
		for range rapid.IntRange(1, 30).Draw(t, "steps") {
			if len(pieces) == 0 || rapid.Bool().Draw(t, "put") {
				b := drawBatch(t, pool)
				if s.Bytes(b) < int64(b.Bytes()) {
					t.Fatal("the estimate leaves columns out")
				}
				want = append(want, describe(b))
				p, err := s.Put(b)
				if err != nil || p.None() {
					t.Fatalf("piece %v, error %v", p, err)
				}
				pieces = append(pieces, p)
				continue
			}
			i := rapid.IntRange(0, len(pieces)-1).Draw(t, "which")
			b, err := s.Take(pieces[i])
			if err != nil {
				t.Fatal(err)
			}
			if got := describe(b); got != want[i] {
				t.Fatalf("got %s, want %s", got, want[i])
			}
			b.Release()
			pieces, want = slices.Delete(pieces, i, i+1), slices.Delete(want, i, i+1)
		}
		if rapid.Bool().Draw(t, "closed by hand") {
			s.Close()
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
		if left, _ := os.ReadDir(parent); len(left) > 0 {
			t.Fatalf("left over: %v", left)
		}
	})
}

func TestStoreFailures(t *testing.T) {
	one := func(s *spill.Store[*batch.Rows[value]]) (spill.Piece, error) {
		b := batch.NewPool[value](4).Get()
		b.Add(value{Text: "x"}, 1)
		return s.Put(b)
	}
	wantError := func(err error, text string) {
		t.Helper()
		var disk *spill.Error
		if !errors.As(err, &disk) || !strings.Contains(err.Error(), text) ||
			!strings.Contains(err.Error(), "launch.TempDir") {
			t.Errorf("got %v, want a spill.Error with %q", err, text)
		}
	}
	_, err := one(newStore(t, &spill.Dir{Parent: "/no/such/directory"}))
	wantError(err, "make a temporary directory")

	d := &spill.Dir{Parent: t.TempDir()}
	s := newStore(t, d)
	p, err := one(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = s.Take(p)
	wantError(err, "was closed")
	_, err = one(s)
	wantError(err, "has ended")
	_, err = one(newStore(t, d))
	wantError(err, "the job has ended")
}

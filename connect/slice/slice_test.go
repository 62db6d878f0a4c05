package slice_test

import (
	"encoding/binary"
	"slices"
	"strings"
	"testing"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/connecttest"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/internal/batch"
)

func TestConformance(t *testing.T) {
	var want []int
	for i := range 100 {
		want = append(want, i)
	}
	for name, open := range map[string]func() connect.Source[int]{
		"Of":   func() connect.Source[int] { return slice.Of(want...) },
		"Func": func() connect.Source[int] { return slice.Func(100, func(i int64) int { return int(i) }) },
		"Iter": func() connect.Source[int] { return slice.Iter(slices.Values(want)) },
	} {
		t.Run(name, func(t *testing.T) { connecttest.Source(t, open, connecttest.Options[int]{Want: want}) })
	}
}

// TestIterRestored stops an iterator after some polls. The restored reader runs it again and goes
// on behind what was read.
func TestIterRestored(t *testing.T) {
	runs := 0
	src := func() connect.Source[int] {
		return slice.Iter(func(yield func(int) bool) {
			runs++
			for i := range 40 {
				if !yield(i) {
					return
				}
			}
		})
	}
	before := connecttest.NewDriver(t, src(), 2, nil)
	read, err := before.Read(10)
	if err != nil {
		t.Fatal(err)
	}
	s := before.Snapshot()
	before.Close()
	rest, err := connecttest.NewDriver(t, src(), 3, s).Read(0)
	if err != nil {
		t.Fatal(err)
	}
	all := append(read, rest...)
	for i, v := range all {
		if v != i {
			t.Fatalf("got %v", all)
		}
	}
	if len(all) != 40 || runs != 2 {
		t.Errorf("%d values in %d runs", len(all), runs)
	}
}

func TestIterThatIsShorterNow(t *testing.T) {
	r, err := slice.Iter(slices.Values([]int{1, 2, 3})).Reader(connect.ReaderContext{})
	if err != nil {
		t.Fatal(err)
	}
	err = r.Assign([]connect.Split{{ID: "iterator", Data: binary.AppendUvarint(nil, 21)}})
	if err == nil || !strings.Contains(err.Error(), "ended after 3 values, but 21 were read before") {
		t.Errorf("got %v", err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

func TestBrokenSplits(t *testing.T) {
	for name, r := range map[string]func() (connect.Reader[int64], error){
		"range": func() (connect.Reader[int64], error) {
			return slice.Sequence(1, 9).Reader(connect.ReaderContext{})
		},
		"iterator": func() (connect.Reader[int64], error) {
			return slice.Iter(slices.Values([]int64{1})).Reader(connect.ReaderContext{})
		},
	} {
		reader, err := r()
		if err != nil {
			t.Fatal(err)
		}
		if err := reader.Assign([]connect.Split{{ID: "x", Data: []byte{0x80}}}); err == nil {
			t.Errorf("%s: a split without a position is taken", name)
		}
		if err := reader.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestPausedRanges reads only the ranges that are not paused.
func TestPausedRanges(t *testing.T) {
	r, err := slice.Sequence(1, 9).Reader(connect.ReaderContext{Request: func() {}})
	if err != nil {
		t.Fatal(err)
	}
	part := func(id string, from, to int64) connect.Split {
		return connect.Split{ID: id, Data: binary.AppendVarint(binary.AppendVarint(nil, from), to)}
	}
	if err := r.Assign([]connect.Split{part("a", 0, 2), part("b", 5, 7)}); err != nil {
		t.Fatal(err)
	}
	poll := func(want connect.Status, values ...int64) {
		t.Helper()
		rows, out := batch.NewPool[int64](8).Get(), connect.NewOutput[int64]()
		out.Reset(rows)
		status, err := r.Poll(out)
		if err != nil || status != want || !slices.Equal(rows.Vals, values) {
			t.Errorf("got %v, status %v, error %v; want %v", rows.Vals, status, err, values)
		}
	}
	p := r.(connect.Pauser)
	p.Pause([]string{"a"}, nil)
	poll(connect.More, 6, 7)
	poll(connect.Waiting)
	p.Pause(nil, []string{"a"})
	r.NoMoreSplits()
	poll(connect.More, 1, 2)
	poll(connect.Ended)
}

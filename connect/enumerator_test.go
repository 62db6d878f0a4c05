package connect_test

import (
	"context"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/batch"
)

// journal is an EnumeratorContext that writes down what it is told.
type journal struct {
	parallelism int
	lines       []string
}

func (j *journal) Context() context.Context { return context.Background() }
func (j *journal) Parallelism() int         { return j.parallelism }
func (j *journal) NoMoreSplits(subtask int) { j.lines = append(j.lines, fmt.Sprint(subtask, ": end")) }

func (j *journal) Assign(subtask int, splits ...connect.Split) {
	line := fmt.Sprint(subtask, ":")
	for _, s := range splits {
		line += " " + s.ID
	}
	j.lines = append(j.lines, line)
}

func (j *journal) Go(func(context.Context) error, func(error)) { panic("not used") }
func (j *journal) After(time.Duration, func())                 { panic("not used") }
func (j *journal) Fail(err error)                              { panic(err) }

func splits(ids string) (out []connect.Split) {
	for _, id := range strings.Fields(ids) {
		out = append(out, connect.Split{ID: id, Data: []byte("at " + id)})
	}
	return out
}

func TestEnumerators(t *testing.T) {
	for _, tc := range []struct {
		name        string
		make        func(ctx connect.EnumeratorContext) connect.Enumerator
		want, state string
	}{
		{"queue", func(ctx connect.EnumeratorContext) connect.Enumerator {
			return connect.NewQueue(ctx, splits("a b c"))
		}, "1: a; 0: b; 1: x; 0: y; 1: c; 0: end", "x y c"},
		{"deal", func(ctx connect.EnumeratorContext) connect.Enumerator {
			return connect.NewDeal(ctx, splits("a b c"))
		}, "0: a c; 1: b; 1: end; 0: end; 1: x y; 1: end; 0: end; 1: end; 0: end", "x y"},
		{"deal one", func(ctx connect.EnumeratorContext) connect.Enumerator {
			return connect.NewDeal(ctx, splits("a"))
		}, "0: a; 1: end; 0: end; 1: x y; 1: end; 0: end; 1: end; 0: end", "x y"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			j := &journal{parallelism: 2}
			e := tc.make(j)
			e.Request(1)
			e.Request(0)
			e.Back(0, splits("x y"))
			b, err := e.Snapshot()
			if err != nil {
				t.Fatal(err)
			}
			for i := range 4 {
				e.Request((i + 1) % 2)
			}
			got := strings.Join(j.lines, "; ")
			left, err := connect.DecodeSplits(b)
			if err != nil || !reflect.DeepEqual(left, splits(tc.state)) || got != tc.want {
				t.Errorf("%s, left %v, %v; want %s", got, left, err, tc.want)
			}
			for n := range len(b) {
				if _, err := connect.DecodeSplits(b[:n]); err == nil {
					t.Errorf("%d of %d bytes are decoded without an error", n, len(b))
				}
			}
			if _, err := connect.DecodeSplits(append(b, 0)); err == nil {
				t.Error("a byte too many is decoded without an error")
			}
			if err := e.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func FuzzDecodeSplits(f *testing.F) {
	f.Add(connect.EncodeSplits(nil))
	f.Add(connect.EncodeSplits([]connect.Split{{ID: "a", Data: []byte("x")}, {}, {ID: "b"}}))
	f.Fuzz(func(t *testing.T, data []byte) {
		all, err := connect.DecodeSplits(data)
		if err != nil {
			return
		}
		b := connect.EncodeSplits(all)
		if again, err := connect.DecodeSplits(b); err != nil || !reflect.DeepEqual(again, all) || len(b) > len(data) {
			t.Errorf("%v, then %v, %v", all, again, err)
		}
	})
}

func TestOutputRefusesToMixSplits(t *testing.T) {
	out := connect.NewOutput[int]()
	out.Reset(batch.NewPool[int](2).Get())
	out.Split("a")
	out.Split("b")
	out.Emit(1)
	out.Split("b")
	defer func() {
		if r := fmt.Sprint(recover()); !strings.Contains(r, `splits "b" and "c"`) {
			t.Errorf("panicked with %v", r)
		}
	}()
	out.Split("c")
}

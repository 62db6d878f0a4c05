package expr_test

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/builtin"
	"github.com/flott-dev/flott/sql/internal/expr"
)

var sharedSeed = flag.Uint64("sharedseed", 0, "the seed of TestSharedIsExact; 0 takes another one each time")

// counted makes functions of a text that note the texts that they were computed for.
type counted struct {
	calls map[string]int
	fails string // the text for which FAILS fails
}

func (f *counted) function(name string, total bool) *expr.Func {
	return &expr.Func{Name: name, Strict: true, Total: total, Compile: func(*expr.Call) expr.Kernel {
		return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
			valid := out.Valid
			out.Reset()
			for i := range n {
				if !valid.Has(i) {
					out.AppendNull()
					continue
				}
				text := name + " " + string(args[0].Bytes(i))
				f.calls[text]++
				if !total && text == f.fails {
					expr.Fail(i, "%s", text)
				}
				out.AppendString(text)
			}
		}
	}}
}

// random makes expressions of two columns of texts.
type random struct {
	*rand.Rand
	f, g, h *expr.Func
}

func (r *random) text(depth int) expr.Expr {
	if depth == 0 || r.IntN(5) == 0 {
		return &expr.Input{Index: r.IntN(2), T: row.StringType()}
	}
	switch r.IntN(5) {
	case 0:
		return call("CASE", r.truth(depth-1), r.text(depth-1), r.truth(depth-1), r.text(depth-1), r.text(depth-1))
	case 1:
		return call("COALESCE", r.text(depth-1), r.text(depth-1))
	case 2:
		x := r.text(depth - 1)
		return call("CASE", call("=", x, text("b 2")), r.text(depth-1), call("=", x, text("a 1")), r.text(depth-1), r.text(depth-1))
	}
	return &expr.Call{Func: []*expr.Func{r.f, r.g, r.h}[r.IntN(3)], Args: []expr.Expr{r.text(depth - 1)}, T: row.StringType()}
}

func (r *random) truth(depth int) expr.Expr {
	if depth > 0 && r.IntN(2) == 0 {
		return call([]string{"AND", "OR"}[r.IntN(2)], r.truth(depth-1), r.truth(depth-1))
	}
	if r.IntN(3) == 0 {
		return call("IS NOT NULL", r.text(depth))
	}
	return call("<", r.text(depth), r.text(depth))
}

func call(name string, args ...expr.Expr) expr.Expr {
	c, err := builtin.Lookup(name).Call(ast.Span{}, args)
	if err != nil {
		panic(err)
	}
	return c
}

func text(s string) expr.Expr {
	v := column.New(row.StringType().Nullable(false))
	v.AppendString(s)
	return &expr.Literal{Value: v}
}

// batch has two columns of texts, of which no two are the same, some are NULL, and of which some rows are selected.
func (r *random) batch() *column.Batch {
	b := &column.Batch{N: 1 + r.IntN(150)}
	for c := range 2 {
		v := column.New(row.StringType())
		for i := range b.N {
			if r.IntN(4) == 0 {
				v.AppendNull()
			} else {
				v.AppendString(fmt.Sprint(string(rune('a'+r.IntN(3))), " ", i, " ", c))
			}
		}
		b.Cols = append(b.Cols, v)
	}
	if r.IntN(2) == 0 {
		b.Sel = []int32{}
		for i := range b.N {
			if r.IntN(3) > 0 {
				b.Sel = append(b.Sel, int32(i))
			}
		}
	}
	return b
}

// calculate filters by the first program and computes the others, as texts.
func calculate(programs []*expr.Program, b *column.Batch) (out []string, err error) {
	rows := *b
	context := &expr.Context{Zone: time.UTC}
	if programs[0] != nil {
		v, err := programs[0].Eval(context, &rows)
		if err != nil {
			return nil, err
		}
		kept := []int32{}
		for i := range rows.Len() {
			if !v.IsNull(i) && v.Bools[i] {
				kept = append(kept, int32(rows.Row(i)))
			}
		}
		if len(kept) == 0 {
			return nil, nil
		}
		rows.Sel = kept
	}
	for _, p := range programs[1:] {
		v, err := p.Eval(context, &rows)
		if err != nil {
			return nil, err
		}
		for i := range rows.Len() {
			if v.IsNull(i) {
				out = append(out, "NULL")
			} else {
				out = append(out, string(v.Bytes(i)))
			}
		}
	}
	return out, nil
}

// TestSharedIsExact compares expressions that share what they have in common with the same ones that do not: they give the same
// values and errors, and compute a function for the same texts, not more often.
func TestSharedIsExact(t *testing.T) {
	seed := *sharedSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	f := &counted{}
	r := &random{Rand: rand.New(rand.NewPCG(seed, 2)), f: f.function("F", true), g: f.function("G", false), h: f.function("H", true)}
	saved, failed := 0, 0
	for range 1000 {
		xs := []expr.Expr{nil, r.text(3), r.text(3), r.text(2)}
		if r.IntN(3) > 0 {
			xs[0] = r.truth(3)
		}
		alone := make([]*expr.Program, len(xs))
		for i, x := range xs {
			if x != nil {
				alone[i] = expr.Compile(x)
			}
		}
		together, shared := expr.CompileAll(xs)
		for range 3 {
			b := r.batch()
			f.fails = ""
			if r.IntN(3) == 0 {
				f.fails = fmt.Sprintf("G %c %d %d", 'a'+r.IntN(3), r.IntN(b.N), r.IntN(2))
			}
			f.calls = map[string]int{}
			want, wantErr := calculate(alone, b)
			calls := f.calls
			f.calls = map[string]int{}
			shared.Begin()
			got, err := calculate(together, b)
			if fmt.Sprint(got) != fmt.Sprint(want) || !sameError(err, wantErr) {
				t.Fatalf("-sharedseed %d: %v, %v\nwant %v, %v", seed, got, err, want, wantErr)
			}
			if err != nil {
				failed++
			}
			for text, n := range f.calls {
				if n > calls[text] {
					t.Fatalf("-sharedseed %d: %q was computed %d times, %d times alone", seed, text, n, calls[text])
				}
				saved += calls[text] - n
			}
			if len(f.calls) != len(calls) {
				t.Fatalf("-sharedseed %d: computed %v, alone %v", seed, maps.Keys(f.calls), maps.Keys(calls))
			}
		}
	}
	if saved < 3000 || failed < 15 {
		t.Errorf("%d computations were saved, and %d batches failed; there are more", saved, failed)
	}
}

// TestSharedIsComputedOnce for each row that needs it: in a condition, in what it keeps, and in branches.
func TestSharedIsComputedOnce(t *testing.T) {
	f := &counted{calls: map[string]int{}}
	apply := func(g *expr.Func, x expr.Expr) expr.Expr {
		return &expr.Call{Func: g, Args: []expr.Expr{x}, T: row.StringType()}
	}
	a, b := &expr.Input{T: row.StringType()}, &expr.Input{Index: 1, T: row.StringType()}
	g, h := f.function("G", false), f.function("H", true)
	programs, _ := expr.CompileAll([]expr.Expr{
		call("OR", call("=", apply(h, a), text("H 1")), call("IS NOT NULL", apply(g, b))),
		apply(g, apply(h, a)),
		call("CASE", call("=", apply(h, a), text("H 1")), apply(h, b), call("=", apply(h, a), text("H 2")), apply(g, b), apply(g, apply(h, a))),
		call("COALESCE", apply(g, b), apply(h, a)),
		apply(g, b),
	})
	v, w := column.New(row.StringType()), column.New(row.StringType())
	for _, s := range []string{"1", "2", "3", "4"} {
		v.AppendString(s)
	}
	w.AppendString("5")
	w.AppendNull()
	w.AppendString("7")
	w.AppendNull()
	got, err := calculate(programs, &column.Batch{Cols: []*column.Vector{v, w}, N: v.N})
	if err != nil || fmt.Sprintf("%q", got) != `["G H 1" "G H 3" "H 5" "G H 3" "G 5" "G 7" "G 5" "G 7"]` {
		t.Errorf("%q, %v", got, err)
	}
	want := map[string]int{"H 1": 1, "H 2": 1, "H 3": 1, "H 4": 1, "G 7": 1, "G 5": 1, "G H 1": 1, "G H 3": 1, "H 5": 1}
	if !maps.Equal(f.calls, want) {
		t.Errorf("computed %v, want %v", f.calls, want)
	}
}

func sameError(a, b error) bool {
	if a == nil || b == nil {
		return a == b
	}
	x, y := a.(*expr.Error), b.(*expr.Error)
	return x.Msg == y.Msg && x.Row == y.Row
}

// TestVolatileIsNotShared: UUID is another text each time, in an argument too.
func TestVolatileIsNotShared(t *testing.T) {
	x := func() expr.Expr { return call("CONCAT", call("UUID"), text("!")) }
	programs, _ := expr.CompileAll([]expr.Expr{nil, x(), x()})
	got, err := calculate(programs, &column.Batch{N: 1})
	if err != nil || got[0] == got[1] {
		t.Errorf("%v, %v", got, err)
	}
}

// TestSharedAllocates nothing once its memory is there.
func TestSharedAllocates(t *testing.T) {
	lower := call("LOWER", &expr.Input{T: row.StringType().Nullable(false)})
	programs, shared := expr.CompileAll([]expr.Expr{call("<", lower, text("l")), call("<", text("c"), lower), call("LOWER", lower)})
	v := column.New(row.StringType().Nullable(false))
	for i := range 100 {
		v.AppendString(string(rune('A' + i%20)))
	}
	all := &column.Batch{Cols: []*column.Vector{v}, N: v.N, Sel: []int32{}}
	some := &column.Batch{Cols: all.Cols, N: v.N, Sel: []int32{}}
	for i := range 100 {
		if i%3 > 0 {
			all.Sel = append(all.Sel, int32(i))
		}
		if i%2 > 0 {
			some.Sel = append(some.Sel, int32(i))
		}
	}
	context := &expr.Context{Zone: time.UTC}
	allocs := testing.AllocsPerRun(100, func() {
		shared.Begin()
		for i, p := range programs {
			b := all
			if i == 1 {
				b = some
			}
			if _, err := p.Eval(context, b); err != nil {
				t.Fatal(err)
			}
		}
	})
	if allocs > 0 {
		t.Errorf("%v allocations for a batch", allocs)
	}
}

package exec

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/row"
)

// twoPhases is a harness of the second phase of an aggregate; what it gives goes through the first one.
func twoPhases(t *testing.T, op *GroupAggregate) (h *harness, push func(rows ...string)) {
	t.Helper()
	local := &LocalAggregate{In: op.In, Keys: op.Keys, Calls: op.Calls, Retract: op.Retract}
	fields, ok := local.Fields()
	if !ok {
		t.Fatal("the calls have more than can be sent")
	}
	global := *op
	global.In, global.Partials, global.Keys = fields, local, nil
	for i := range op.Keys {
		global.Keys = append(global.Keys, i)
	}
	h = newHarness(t, &global, nil, op.In)
	return h, func(rows ...string) {
		n := local.Node()
		if err := n.Connect("", h.node.Receiver(0)); err != nil {
			t.Fatal(err)
		}
		if err := n.Open(h.ctx); err != nil {
			t.Fatal(err)
		}
		n.Receiver(0).(batch.ColumnReceiver).Push(h.batch(0, rows...))
	}
}

func TestPartialsAreMerged(t *testing.T) {
	op := groupOf(t, keyValue, []int{0}, "COUNT()", "SUM(1)", "MAX(1)")
	h, push := twoPhases(t, op)
	push("+I a 5", "+I b 3", "+I a NULL", "mark 7")
	h.want("+I [a,2,5,5]", "+I [b,1,3,3]", "mark 7")
	push("+I a 9", "+I NULL 1", "+I b 3")
	h.want("-U [a,2,5,5]", "+U [a,3,14,9]", "+I [NULL,1,1,1]", "-U [b,1,3,3]", "+U [b,2,6,3]")
}

// TestPartialsThatTakeAway: rows that were never there do not count, unless others of the batch do.
func TestPartialsThatTakeAway(t *testing.T) {
	op := groupOf(t, keyValue, []int{0}, "COUNT()", "SUM(1)")
	op.Retract = true
	h, push := twoPhases(t, op)
	push("-D a 1")
	h.want()
	push("+I a 1", "+I b 1")
	h.want("+I [a,1,1]", "+I [b,1,1]")
	push("-U a 1", "+U a 4", "-D b 1")
	h.want("-U [a,1,1]", "+U [a,1,4]", "-D [b,1,1]")
}

// TestPhasesAgree: random rows give the same in one phase and in two, whatever is accumulated.
func TestPhasesAgree(t *testing.T) {
	in := []row.Field{
		field("k", row.StringType()), field("i", row.Of(row.Int)), field("d", row.DecimalOf(20, 2)),
		{Name: "n", Type: row.Of(row.BigInt).Nullable(false)},
		field("f", row.Of(row.Double)), field("ts", row.TimestampOf(3)),
	}
	calls := []string{"COUNT()", "COUNT(1)", "SUM(1)", "AVG(1)", "SUM(2)", "AVG(2)", "SUM(3)", "AVG(3)", "SUM(4)", "STDDEV_POP(1)", "VAR_SAMP(3)"}
	for _, retract := range []bool{false, true} {
		for _, keys := range [][]int{{0}, {3}, {1, 3}, nil} {
			names := calls
			if !retract {
				names = append(names, "MIN(1)", "MAX(2)", "MIN(5)", "MAX(4)", "FIRST_VALUE(1)", "LAST_VALUE(3)")
			}
			op := groupOf(t, in, keys, names...)
			op.Retract = retract
			one := newHarness(t, op, nil, in)
			two, push := twoPhases(t, op)
			random := rand.New(rand.NewPCG(1, 2))
			var there []string
			var ones, twos []string
			for range 50 {
				var rows []string
				for range 1 + random.IntN(20) {
					if len(there) > 0 && retract && random.IntN(3) == 0 {
						i := random.IntN(len(there))
						rows = append(rows, "-D "+there[i])
						there = append(there[:i], there[i+1:]...)
						continue
					}
					r := fmt.Sprintf("%s %d %d %d %d %d", []string{"a", "b", "NULL"}[random.IntN(3)], random.IntN(100), random.IntN(1000), random.IntN(4), random.IntN(9), random.IntN(500))
					if random.IntN(5) == 0 {
						r = fmt.Sprintf("a NULL NULL %d NULL NULL", random.IntN(4))
					}
					rows, there = append(rows, "+I "+r), append(there, r)
				}
				one.push(0, rows...)
				push(rows...)
				ones, twos = append(ones, one.take()...), append(twos, two.take()...)
			}
			if a, b := materialize(t, ones), materialize(t, twos); !maps.Equal(a, b) {
				t.Errorf("keys %v, retract %v: one phase gives %v\ntwo give %v", keys, retract, a, b)
			}
		}
	}
}

// TestNoPartials: what has no fixed size, or a set of its own, is computed in one phase.
func TestNoPartials(t *testing.T) {
	for _, call := range []string{"COUNT(DISTINCT 1)", "MAX(0)", "LISTAGG(0)", "COLLECT(1)"} {
		op := groupOf(t, keyValue, []int{0}, call)
		if _, ok := (&LocalAggregate{In: op.In, Keys: op.Keys, Calls: op.Calls}).Fields(); ok {
			t.Errorf("%s can be sent", call)
		}
	}
}

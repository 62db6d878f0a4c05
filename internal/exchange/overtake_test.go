package exchange

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/operator"
)

// flightRig is a gate with channels a and b, on which barriers overtake, and c, on which they do not.
type flightRig struct {
	t        *testing.T
	g        *Gate
	channels map[string]*Channel
	pool     *batch.Pool[int64]
	edge     *Edge[int64]
	clock    int64
	flights  []*Flight
	way      *way
}

func newFlightRig(t *testing.T, w *way, names string, timeout int64) *flightRig {
	t.Helper()
	c, err := codec.For[int64](nil)
	if err != nil {
		t.Fatal(err)
	}
	r := &flightRig{t: t, channels: map[string]*Channel{}, pool: batch.NewPool[int64](0), way: w}
	r.edge = &Edge[int64]{Codec: c}
	r.g = NewGate(1, true, func() {})
	for i, name := range strings.Split(names, "") {
		r.channels[name] = r.g.NewChannel(0, 0, false)
		if name != "c" {
			r.channels[name].MayOvertake(Origin{From: "source", Producer: i, Edge: r.edge})
		}
	}
	r.g.Configure(func() int64 { return r.clock }, timeout)
	for name, c := range r.channels {
		r.channels[name] = w.producer(t, c, r.edge)
	}
	return r
}

// do carries out one line of a script and returns what it shows.
//
//	a 1 2        sends the rows 1 and 2 on channel a; "^7" is a watermark
//	a |5  a |5u  sends a barrier, an unaligned one
//	a end  a idle  a active  a probe
//	urgent, poll, overtake 5, collect 5, flights, abort 5, ask 5, clock 30
func (r *flightRig) do(line string) string {
	f := strings.Fields(line)
	num := func(i int) int64 {
		n, _ := strconv.ParseInt(f[i], 10, 64)
		return n
	}
	switch f[0] {
	case "urgent":
		if c, ok := r.g.Urgent(); ok {
			return barrierText(c)
		}
		return "-"
	case "poll":
		e, ok := r.g.Poll()
		switch {
		case !ok:
			return "-"
		case e.Batch != nil:
			defer e.Batch.Release()
			return rowsText(e.Batch)
		case e.Control.Kind == operator.Barrier:
			return barrierText(e.Control)
		case e.Control.Kind == Watermark:
			return fmt.Sprintf("^%d", e.Control.ID)
		case e.Control.Kind == operator.EndOfInput:
			return "end"
		case e.Control.Kind == operator.Probe:
			return fmt.Sprint("probe ", e.Control.ID)
		case e.Control.Kind == operator.Idle:
			return "idle"
		case e.Control.Kind == operator.Active:
			return "active"
		}
		return "again"
	case "overtake":
		return fmt.Sprint(r.g.Overtake(num(1)))
	case "collect":
		return fmt.Sprint(r.g.Collect(num(1)))
	case "flights":
		r.flights = r.g.Flights()
		return r.text(r.flights)
	case "abort":
		r.g.Abort(num(1))
	case "ask":
		r.g.Ask(barrierOf("|" + f[1]))
	case "clock":
		r.clock = num(1)
	default:
		r.send(r.channels[f[0]], f[1:])
		r.way.settle()
	}
	return ""
}

func (r *flightRig) send(c *Channel, what []string) {
	controls := map[string]operator.Control{
		"end":  {Kind: operator.EndOfInput, Input: -1},
		"idle": {Kind: operator.Idle}, "active": {Kind: operator.Active}, "probe": {Kind: operator.Probe, ID: 3},
	}
	if ctl, ok := controls[what[0]]; ok {
		c.Control(ctl)
		return
	}
	if what[0][0] == '|' {
		b := barrierOf(what[0])
		c.Control(b)
		return
	}
	b := r.pool.Get()
	for _, w := range what {
		n, _ := strconv.ParseInt(strings.TrimPrefix(w, "^"), 10, 64)
		if w[0] == '^' {
			b.Mark(n)
			continue
		}
		b.Add(n, n)
	}
	c.Send(b)
}

func barrierOf(text string) operator.Control {
	c := operator.Control{Kind: operator.Barrier, Created: 10}
	if n, ok := strings.CutSuffix(text, "u"); ok {
		text, c.Flags = n, operator.Unaligned
	}
	if n, ok := strings.CutSuffix(text, "s"); ok {
		text, c.Flags = n, operator.Savepoint
	}
	c.ID, _ = strconv.ParseInt(text[1:], 10, 64)
	return c
}

func barrierText(c operator.Control) string {
	if c.Flags.Has(operator.Unaligned) {
		return fmt.Sprintf("|%du", c.ID)
	}
	return fmt.Sprintf("|%d", c.ID)
}

func rowsText(b batch.Any) string {
	rows := b.(*batch.Rows[int64])
	var out []string
	at := 0
	for _, m := range rows.Marks {
		for ; at < m.Row; at++ {
			out = append(out, fmt.Sprint(rows.Vals[at]))
		}
		out = append(out, fmt.Sprintf("^%d", m.Time))
	}
	for ; at < len(rows.Vals); at++ {
		out = append(out, fmt.Sprint(rows.Vals[at]))
	}
	return strings.Join(out, " ")
}

// decoded is a batch in flight that may not have been decoded yet.
func decoded(t *testing.T, edge EdgeType, b batch.Any) batch.Any {
	p, ok := b.(*packed)
	if !ok {
		return b
	}
	read, err := edge.BatchReader(edge.FlightType())
	if err == nil {
		b, err = readBatch(read, p.rows, p.data)
	}
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func (r *flightRig) text(flights []*Flight) string {
	var out []string
	for _, f := range flights {
		var rows []string
		for _, b := range f.batches {
			rows = append(rows, rowsText(decoded(r.t, r.edge, b)))
		}
		out = append(out, fmt.Sprintf("%d[%s]", f.Producer, strings.Join(rows, ", ")))
	}
	return strings.Join(out, " ")
}

func (r *flightRig) run(script string) {
	r.t.Helper()
	for _, line := range strings.Split(script, ";") {
		do, want, _ := strings.Cut(line, "=")
		if got := r.do(do); got != strings.TrimSpace(want) {
			r.t.Fatalf("%s: got %q, want %q", strings.TrimSpace(do), got, strings.TrimSpace(want))
		}
	}
}

func TestBarriersOvertake(t *testing.T) {
	for _, c := range []struct {
		name, channels, script string
		timeout                int64
	}{
		{
			"what is queued, and what comes before the barrier, is in flight", "ab",
			`a 1; b 2; a 3; a |5u; a 4; b 6; urgent=|5u; overtake 5=true; collect 5=false;
			poll=1; b 7; poll=2; b |5u; b 8; collect 5=true; flights=0[1, 3] 1[2, 6, 7];
			poll=3; poll=4; poll=6; poll=7; poll=8; poll=-`, 0,
		},
		{
			"an empty gate has nothing in flight", "a",
			`a |5u; urgent=|5u; overtake 5=true; collect 5=true; flights=0[]; poll=-`, 0,
		},
		{
			"a channel that has reached its barrier waits for those that align", "ac",
			`a 1; a |5u; a 2; c 3; urgent=-; poll=1; poll=3; poll=-; c |5u; urgent=-; poll=|5u;
			overtake 5=false; poll=2; poll=-`, 0,
		},
		{
			"channels that align come first, the others overtake", "abc",
			`a 1; a |5u; a 2; c 3; b 4; c |5u; c 6; urgent=-; poll=1; poll=3; poll=4; poll=again;
			urgent=|5u; overtake 5=true; b 7; b |5u; collect 5=true; flights=0[] 1[7] 0[];
			poll=2; poll=6; poll=7; poll=-`, 0,
		},
		{
			"the end of a channel stands for its barrier", "ab",
			`b 1; b end; a |5u; urgent=|5u; overtake 5=true; collect 5=true; flights=0[] 1[1];
			poll=1; poll=-`, 0,
		},
		{
			"where all producers have ended, it begins when it is asked for", "ab",
			`a 1; a end; ask 5u; urgent=-; b 2; b end; urgent=|5u; overtake 5=true; collect 5=true;
			flights=0[1] 1[2]; poll=1; poll=2; poll=end; poll=end; poll=-`, 0,
		},
		{
			"an abort lets everything go", "ab",
			`a 1; b 2; a |5u; urgent=|5u; overtake 5=true; abort 5; b 3; b |5u; collect 5=false;
			poll=1; poll=2; poll=3; a 4; poll=4; poll=-`, 0,
		},
		{
			"an abort before the task has taken its state", "ab",
			`a 1; a |5u; urgent=|5u; abort 5; overtake 5=false; poll=1; b |5u; b 2; poll=2; poll=-`, 0,
		},
		{
			"a newer barrier supersedes", "ab",
			`a 1; a |5u; urgent=|5u; overtake 5=true; a 2; a |6u; urgent=|6u; collect 5=false; 
			overtake 6=true; b 3; b |6u; collect 6=true; flights=0[1, 2] 1[3]; poll=1; poll=2; poll=3;
			poll=-`, 0,
		},
		{
			"without a timeout an aligned barrier keeps its place", "ab",
			`a |5; a 1; b 2; clock 99; urgent=-; poll=2; poll=-; b |5; poll=|5; poll=1`, 0,
		},
		{
			"an aligned barrier overtakes when its time is up", "ab",
			`a 1; a |5; a 2; b 3; clock 29; urgent=-; poll=1; clock 30; urgent=|5u; overtake 5=true;
			b 4; b |5; collect 5=true; flights=0[] 1[3, 4]; poll=2; poll=3; poll=4; poll=-`, 20,
		},
		{
			"it does not when it is in time, nor for a savepoint", "ab",
			`a 1; a |5; b |5; poll=1; poll=|5; clock 99; urgent=-; a |6s; a 2; b 3; clock 999; urgent=-;
			poll=3; poll=-; b |6s; poll=|6; poll=2`, 20,
		},
		{
			"a producer whose barrier has switched makes the others switch", "ab",
			`a 1; a |5; b 2; urgent=-; b |5u; b 3; urgent=|5u; overtake 5=true; collect 5=true;
			flights=0[1] 1[2]; poll=1; poll=2; poll=3; poll=-`, 1000,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			overEachWay(t, func(t *testing.T, w *way) {
				r := newFlightRig(t, w, c.channels, c.timeout)
				r.run(c.script)
				r.g.Discard()
			})
		})
	}
}

// TestFlightsAreReplayed restores a gate from what another had in flight, with marks, and takes another
// snapshot in the middle of it.
func TestFlightsAreReplayed(t *testing.T) { overEachWay(t, checkReplay) }

func checkReplay(t *testing.T, w *way) {
	old := newFlightRig(t, w, "ab", 0)
	old.run(`a ^10; b ^5; poll=; poll=^5; a 11 ^20; b 6 ^8 7 ^30; a 21 ^40; a |5u; b |5u;
		urgent=|5u; overtake 5=true; collect 5=true; flights=0[11 ^20, 21 ^40] 1[6 ^8 7 ^30]`)
	states := encodeFlights(old.flights)

	r := restoredRig(t, w, states, true)
	r.run(`a 50 ^60; b 51 ^70; poll=^5; poll=11; a |6u; urgent=|6u; overtake 6=true; b 52; b |6u;
		collect 6=true; flights=0[21 ^40] 1[6 ^8 7 ^30] 0[50 ^60] 1[51 ^70, 52]`)
	states = encodeFlights(r.flights)
	rest := `poll=21; poll=6 ^8 7 ^30; poll=50; poll=51 ^60; poll=52; poll=-`
	r.run(rest)

	again := restoredRig(t, w, states, true)
	// What came on the new channels holds the watermark back until it is the turn of these.
	again.run(`a 90; poll=^5; poll=21; poll=6 7; poll=50; poll=51 ^30; poll=52; poll=90`)

	// For other subtasks marks do not count.
	other := restoredRig(t, w, states, false)
	other.run(`poll=21; poll=6 7; poll=50; poll=51; poll=52; a 90 ^90; b ^80; poll=90; poll=^80`)
}

func encodeFlights(flights []*Flight) (states []operator.InFlight) {
	for _, f := range flights {
		f.Encode(func(data []byte) operator.Blob { return operator.Bytes(slices.Clone(data)) })
		states = append(states, f.InFlight)
	}
	return states
}

func restoredRig(t *testing.T, w *way, states []operator.InFlight, marks bool) *flightRig {
	t.Helper()
	r := newFlightRig(t, w, "ab", 0)
	restored := Restored{Marks: marks, Watermark: batch.MinTime}
	for i := range states {
		f, err := NewFlight(&states[i], r.edge, func(b batch.Any) batch.Any {
			if !marks {
				*b.MarkList() = nil
			}
			return b
		})
		if err != nil {
			t.Fatal(err)
		}
		restored.Flights = append(restored.Flights, f)
		if marks {
			restored.Watermark = states[i].Combined
		}
	}
	r.g.Restore(restored)
	return r
}

// FuzzReadFlight decodes damaged flights, of a type of today and of before.
func FuzzReadFlight(f *testing.F) {
	c, err := codec.For[string](nil)
	if err != nil {
		f.Fatal(err)
	}
	e := &Edge[string]{Codec: c}
	b := batch.NewPool[string](0).Get()
	b.Add("a", 1)
	b.Mark(2)
	f.Add(appendFlight(nil, e, b))
	var readers []func([]byte) (batch.Any, error)
	for _, was := range []operator.FlightType{{}, {Record: codec.Schema{Kind: codec.KindString}}, {
		Record: codec.Schema{Kind: codec.KindPointer, Elem: &codec.Schema{Kind: codec.KindString}},
	}} {
		read, err := e.BatchReader(was)
		if err != nil {
			f.Fatal(err)
		}
		readers = append(readers, read)
	}
	f.Fuzz(func(_ *testing.T, all []byte) {
		for _, read := range readers {
			for data := all; len(data) > 0; {
				b, rest, err := readFlight(read, data)
				if err != nil {
					break
				}
				b.Release()
				data = rest
			}
		}
	})
}

// Records in flight are where their key says: with a key of another type, or without one, they could be
// anywhere. Of old snapshots, which do not tell, they are taken to have the key of today.
func TestFlightsOfOtherKeys(t *testing.T) {
	schema := func(k codec.Kind, name string) codec.Schema { return codec.Schema{Kind: k, Name: name} }
	id := codec.Schema{Kind: codec.KindStruct, Name: "a.ID", Fields: []codec.Field{{Name: "N", Schema: schema(codec.KindInt64, "")}}}
	moved := id
	moved.Name = "b.ID"
	for _, c := range []struct {
		was, is codec.Schema
		want    string
	}{
		{codec.Schema{}, codec.Schema{}, ""},
		{schema(codec.KindString, ""), schema(codec.KindString, ""), ""},
		{id, moved, ""},
		{schema(codec.KindString, ""), codec.Schema{}, ""},
		{codec.Schema{}, schema(codec.KindString, ""), "they had no key, and now have one of string"},
		{schema(codec.KindInt32, ""), schema(codec.KindInt64, ""), "their key changes from int32 to int64"},
	} {
		enc, err := codec.For[string](nil)
		if err != nil {
			t.Fatal(err)
		}
		e := &Edge[string]{Codec: enc, Part: Partitioner[string]{Key: c.is}}
		if _, err := NewFlight(&operator.InFlight{Data: operator.Bytes{}}, e, nil); err != nil {
			t.Errorf("of an old snapshot: %v", err)
		}
		_, err = NewFlight(&operator.InFlight{
			Data: operator.Bytes{}, Type: operator.FlightType{Record: enc.Schema(), Key: c.was},
		}, e, nil)
		if got := fmt.Sprint(err); (err == nil) != (c.want == "") || !strings.Contains(got, c.want) {
			t.Errorf("from %v to %v: %v", c.was, c.is, err)
		}
	}
}

// Batches of records that were narrower have more rows than those of today.
func TestFlightsOfNarrowerRecords(t *testing.T) {
	type narrow struct{ A int64 }
	type wide struct {
		A int64
		B [100]int64
		C string
	}
	was, err := codec.For[narrow](nil)
	if err != nil {
		t.Fatal(err)
	}
	is, err := codec.For[wide](nil)
	if err != nil {
		t.Fatal(err)
	}
	pool := batch.NewPool[narrow](0)
	b := pool.Get()
	for i := range int64(pool.Rows()) {
		b.Add(narrow{i}, i)
	}
	old, e := &Edge[narrow]{Codec: was}, &Edge[wide]{Codec: is}
	schema := was.Schema()
	schema.Name = is.Schema().Name
	read, err := e.BatchReader(operator.FlightType{Record: schema})
	if err != nil {
		t.Fatal(err)
	}
	got, err := read(old.AppendBatch(nil, b))
	if err != nil {
		t.Fatal(err)
	}
	rows := got.(*batch.Rows[wide])
	if rows.Len() != pool.Rows() || rows.Vals[pool.Rows()-1].A != int64(pool.Rows()-1) || rows.Len() <= e.decoded().Rows() {
		t.Errorf("%d of %d rows, where batches have %d", rows.Len(), pool.Rows(), e.decoded().Rows())
	}
	if cap(rows.Vals) != rows.Len() {
		t.Errorf("a batch for %d rows is made for %d", rows.Len(), cap(rows.Vals))
	}
	got.Release()
}

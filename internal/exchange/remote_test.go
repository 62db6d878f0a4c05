package exchange

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/synctest"

	"pgregory.net/rapid"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/wire"
)

// TestRemoteBackpressure has two channels over one connection, of which one consumer takes nothing: its
// producer finds no room and is woken once the consumer has processed something; the other one
// goes on.
func TestRemoteBackpressure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, edge, pool := newProcesses(t, overPipe), rowEdge(t), batch.NewPool[record](8)
		var links []*link
		for range 2 {
			g := NewGate(1, true, func() {})
			links = append(links, p.connect(t, g.NewChannel(0, 300, false), edge))
		}
		slow, fast := links[0], links[1]
		synctest.Wait()
		text := strings.Repeat("x", 100)
		sent := 0
		for room := true; room; sent++ {
			room = slow.out.Send(rowBatch(pool, record{Key: text, N: sent}))
			synctest.Wait()
		}
		// Each costs its length and 64, and one may exceed the window.
		if sent != 2 || slow.out.Room() {
			t.Errorf("%d batches of over 164 bytes go in a window of 300, with room: %v", sent, slow.out.Room())
		}
		slow.out.Send(rowBatch(pool, record{Key: text, N: sent})) // stays on this side
		synctest.Wait()
		for i := range 50 {
			if !fast.out.Room() {
				<-fast.room
			}
			fast.out.Send(rowBatch(pool, record{Key: text, N: i}))
			synctest.Wait()
			if got := first(fast.in.gate); got != i {
				t.Fatalf("got batch %v, want %d", got, i)
			}
			fast.in.gate.Poll() // it is processed
			synctest.Wait()
		}
		select {
		case <-slow.room:
			t.Error("the producer is woken, and nothing was processed")
		default:
		}
		// With the second poll the first batch is processed: what was left goes, and there is no room yet.
		for i, want := range []bool{false, false, true} {
			if got := first(slow.in.gate); got != i {
				t.Fatalf("got batch %v, want %d", got, i)
			}
			synctest.Wait()
			woken := false
			select {
			case <-slow.room:
				woken = true
			default:
			}
			if woken != want || slow.out.Room() != want {
				t.Errorf("at batch %d the producer is woken: %v, has room: %v; want %v", i, woken,
					slow.out.Room(), want)
			}
		}
		p.end(t, links...)
	})
}

// end closes the channels and the connection.
func (p *processes) end(t *testing.T, links ...*link) {
	t.Helper()
	for _, l := range links {
		l.out.Abandon()
		l.in.gate.Discard()
	}
	p.close(t)
}

// TestRemoteFailure cuts the connection beneath channels in all states.
func TestRemoteFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, edge, pool := newProcesses(t, overPipe), rowEdge(t), batch.NewPool[record](8)
		open := func(limit int64) *link {
			return p.connect(t, NewGate(1, true, func() {}).NewChannel(0, limit, false), edge)
		}
		end := operator.Control{Kind: operator.EndOfInput, Input: -1}
		idle, waiting, ended, abandoned, discarded := open(0), open(1), open(0), open(0), open(0)
		idle.out.Send(rowBatch(pool, record{N: 1}))
		synctest.Wait()
		for waiting.out.Send(rowBatch(pool, record{N: 1})) {
			synctest.Wait()
		}
		waiting.out.Control(end) // behind what has no room
		ended.out.Control(end)
		abandoned.out.Control(end)
		abandoned.out.Abandon()
		discarded.in.gate.Discard()
		synctest.Wait()
		p.a.Abort(errors.New("the cable is cut"))
		<-p.b.Done()
		synctest.Wait()
		for name, c := range map[string]struct {
			l                  *link
			producer, consumer int // how often they are told
			events             string
		}{
			"idle": {idle, 1, 1, "batch1"}, "waiting": {waiting, 1, 1, "batch1"},
			"ended": {ended, 1, 0, "2/0 2/0"}, "abandoned": {abandoned, 0, 0, "2/0 2/0"},
			"discarded": {discarded, 1, 0, ""},
		} {
			producer, consumer := c.l.failures()
			if len(producer) != c.producer || len(consumer) != c.consumer {
				t.Errorf("%s: the producer is told %v, the consumer %v", name, producer, consumer)
			}
			for _, err := range producer {
				checkPeer(t, err, "worker-b")
			}
			for _, err := range consumer {
				checkPeer(t, err, "worker-a")
			}
			if got := poll(c.l.in.gate); got != c.events {
				t.Errorf("%s: the gate tells %q, want %q", name, got, c.events)
			}
			// What is sent from now on goes nowhere, and nobody waits for room.
			if !c.l.out.Send(rowBatch(pool, record{N: 2})) || !c.l.out.Room() {
				t.Errorf("%s: a producer waits for a process that is gone", name)
			}
			c.l.out.Control(end)
			c.l.out.Abandon()
			c.l.in.gate.Discard()
			if producer, consumer := c.l.failures(); len(producer) != c.producer || len(consumer) != c.consumer {
				t.Errorf("%s: told again: %v, %v", name, producer, consumer)
			}
		}
		g := NewGate(1, true, func() {})
		if err := g.NewChannel(0, 0, false).ReceiveFrom(Remote{Conn: p.b, ID: 99, Edge: edge}); err == nil {
			t.Error("a channel is made over a connection that has ended")
		}
		if _, err := NewRemoteChannel(Remote{Conn: p.a, ID: 99, Edge: edge}, func() {}); err == nil {
			t.Error("a channel is made over a connection that has ended")
		}
	})
}

func checkPeer(t *testing.T, err error, name string) {
	t.Helper()
	var e *wire.Error
	if !errors.As(err, &e) || !strings.Contains(err.Error(), name) {
		t.Errorf("error %v does not name %s", err, name)
	}
}

// TestMessagesThatMakeNoSense come on channels whose consumers then hear of it.
func TestMessagesThatMakeNoSense(t *testing.T) {
	edge := rowEdge(t)
	control := appendControl(nil, operator.Control{Kind: operator.Barrier, ID: 1})
	good := edge.AppendBatch([]byte{1}, rowBatch(batch.NewPool[record](1), record{}))
	for name, c := range map[string]struct {
		kind uint8
		data []byte
		late bool // it shows when the gate takes it
		want string
	}{
		"unknown kind":       {3, nil, false, "message of kind 3"},
		"empty control":      {controlMessage, nil, false, "malformed control element"},
		"control cut off":    {controlMessage, control[:len(control)-1], false, "malformed control element"},
		"control too long":   {controlMessage, append(slices.Clone(control), 0), false, "malformed control element"},
		"control of no kind": {controlMessage, []byte{255, 0, 0, 0, 0}, false, "malformed control element"},
		"empty batch":        {batchMessage, nil, false, "malformed batch"},
		"batch of too many":  {batchMessage, binary.AppendUvarint(nil, 1<<40), false, "malformed batch"},
		"batch cut off":      {batchMessage, good[:len(good)-1], true, "codec: decode"},
		"batch too long":     {batchMessage, append(slices.Clone(good), 0), true, "bytes are left"},
		"other rows":         {batchMessage, append([]byte{2}, good[1:]...), true, "a batch of 2 rows has 1"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p := newProcesses(t, overPipe)
				l := p.connect(t, NewGate(1, true, func() {}).NewChannel(0, 0, false), edge)
				m := wire.NewBuffer(len(c.data))
				m.B = append(m.B, c.data...)
				if _, err := l.out.out.sender.Send(c.kind, m); err != nil {
					t.Fatal(err)
				}
				synctest.Wait()
				var err error
				if c.late {
					err = pollError(l.in.gate)
				} else if _, failed := l.failures(); len(failed) == 1 {
					err = failed[0]
				}
				if err == nil || !strings.Contains(err.Error(), c.want) || !errors.Is(err, wire.ErrProtocol) {
					t.Fatalf("got %v, want %q", err, c.want)
				}
				checkPeer(t, err, "worker-a")
				p.end(t, l)
			})
		})
	}
}

// pollError is the error that a gate panics with.
func pollError(g *Gate) (err error) {
	defer func() { err, _ = recover().(error) }()
	g.Poll()
	return nil
}

// TestClosedChannelsAreForgotten closes channels in any order: the connection knows them no more, as it
// takes their numbers, which nobody does, anew.
func TestClosedChannelsAreForgotten(t *testing.T) {
	end := operator.Control{Kind: operator.EndOfInput, Input: -1}
	for name, do := range map[string]func(l *link, pool *batch.Pool[record]){
		"at the end": func(l *link, _ *batch.Pool[record]) {
			l.out.Control(end)
			l.out.Abandon()
			synctest.Wait()
			told(l.in.gate)
			l.in.gate.Discard()
		},
		"the producer early": func(l *link, pool *batch.Pool[record]) {
			l.out.Send(rowBatch(pool, record{}))
			l.out.Abandon()
			synctest.Wait()
			l.in.gate.Discard()
		},
		"the consumer early": func(l *link, pool *batch.Pool[record]) {
			l.out.Send(rowBatch(pool, record{}))
			synctest.Wait()
			l.in.gate.Discard()
			synctest.Wait()
			l.out.Send(rowBatch(pool, record{}))
			l.out.Control(end)
			l.out.Abandon()
		},
		"both at once": func(l *link, pool *batch.Pool[record]) {
			for range 10 {
				l.out.Send(rowBatch(pool, record{}))
			}
			l.out.Abandon()
			l.in.gate.Discard()
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, edge, pool := newProcesses(t, overPipe), rowEdge(t), batch.NewPool[record](8)
				for range 2 {
					l := p.connect(t, NewGate(1, true, func() {}).NewChannel(0, 300, false), edge)
					synctest.Wait()
					do(l, pool)
					synctest.Wait()
					if producer, consumer := l.failures(); len(producer)+len(consumer) > 0 {
						t.Errorf("it has failed: %v, %v", producer, consumer)
					}
					p.channels-- // the same number
				}
				p.close(t)
			})
		})
	}
}

// describeAll takes all events of a gate in full.
func describeAll(t *rapid.T, g *Gate) (out []string) {
	for {
		e, ok := g.Poll()
		if !ok {
			return out
		}
		switch b := e.Batch.(type) {
		case *batch.Rows[record]:
			out = append(out, fmt.Sprint(b.Vals, b.Times, b.Keys, b.Marks))
			b.Release()
		case *batch.Columns:
			text := fmt.Sprint(b.Marks)
			for i := range b.Len() {
				text += fmt.Sprint(" ", testNumber(t, b, b.Row(i), b.Hashes != nil))
				if b.Hashes != nil {
					text += "#"
				}
			}
			out = append(out, text)
			b.Release()
		default:
			out = append(out, fmt.Sprint(e.Control))
		}
	}
}

// TestRemoteWriters sends what writers of rows and of columns deal out, with keys, shared batches and
// selections.
func TestRemoteWriters(t *testing.T) {
	w := &way{p: newProcesses(t, overPipe)}
	rows := &Edge[record]{Codec: rowEdge(t).Codec, Part: byKey()}
	columns := keyedColumns()
	rapid.Check(t, func(t *rapid.T) {
		strategy := rapid.SampledFrom([]graph.Strategy{
			graph.Keyed, graph.Rebalance, graph.Broadcast, graph.Global,
		}).Draw(t, "strategy")
		n := rapid.IntRange(1, 3).Draw(t, "channels")
		cfg := func(edge EdgeType, gates *[]*Gate, remote bool) WriterConfig {
			cfg := WriterConfig{Strategy: strategy, MaxParallelism: 128, Now: func() int64 { return 1 }, TimeoutNanos: 5}
			for range n {
				g := NewGate(1, true, func() {})
				*gates = append(*gates, g)
				c := g.NewChannel(0, 0, false)
				if remote {
					c = w.producer(t, c, edge)
				}
				cfg.Channels = append(cfg.Channels, c)
			}
			return cfg
		}
		var gates [2][]*Gate
		for k, remote := range []bool{false, true} {
			r := NewWriter(rows.Part, batch.NewPool[record](8), cfg(rows, &gates[k], remote))
			c := newColumnWriter(columns, cfg(columns, &gates[k], remote))
			for i := range 20 {
				b := r.get()
				for j := range i % 9 {
					b.Add(record{Key: strings.Repeat("k", i*j%7), N: 10*i + j}, int64(i))
				}
				b.Mark(int64(i))
				shared := b.Share()
				r.Push(b)
				shared.Release()
				cb := c.get()
				for j := range 3 * i {
					addTestRow(cb, j)
				}
				if i%3 == 1 {
					cb.Keep([]int32{0, 2})
				}
				cb.Mark(int64(i))
				c.Push(cb)
			}
			end := operator.Control{Kind: operator.EndOfInput, Input: -1}
			r.Control(end)
			c.Control(end)
			w.settle()
		}
		for i := range gates[0] {
			local, remote := describeAll(t, gates[0][i]), describeAll(t, gates[1][i])
			if !slices.Equal(local, remote) {
				t.Fatalf("gate %d: got\n%s\nwant\n%s", i, strings.Join(remote, "\n"), strings.Join(local, "\n"))
			}
			gates[1][i].Discard()
		}
		for _, l := range w.links {
			l.out.Abandon()
		}
		w.links = nil
	})
	w.p.close(t)
}

// TestBatchTooLong sends a batch that no message can hold: it is lost, and so is what follows.
func TestBatchTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, y := net.Pipe()
		p := connectOver(t, x, y, wire.Options{MessageBytesMax: 1000})
		edge, pool := rowEdge(t), batch.NewPool[record](8)
		l := p.connect(t, NewGate(1, true, func() {}).NewChannel(0, 0, false), edge)
		l.out.Send(rowBatch(pool, record{N: 0}))
		l.out.Send(rowBatch(pool, record{Key: strings.Repeat("x", 1000)}))
		l.out.Send(rowBatch(pool, record{N: 2}))
		l.out.Control(operator.Control{Kind: operator.EndOfInput, Input: -1})
		synctest.Wait()
		producer, consumer := l.failures()
		if len(producer) != 1 || len(consumer) != 0 || !strings.Contains(producer[0].Error(), "limit 1000") {
			t.Errorf("the producer is told %v, the consumer %v", producer, consumer)
		}
		checkPeer(t, producer[0], "worker-b")
		if got := poll(l.in.gate); got != "batch0" {
			t.Errorf("the gate tells %q", got)
		}
		p.end(t, l)
	})
}

// TestRemoteAllocations counts what a batch costs on both sides, where its values have no pointers.
func TestRemoteAllocations(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector drops pooled buffers")
	}
	enc, err := codec.For[int64](nil)
	if err != nil {
		t.Fatal(err)
	}
	p := newProcesses(t, overTCP)
	l := p.connect(t, NewGate(1, true, func() {}).NewChannel(0, 0, false), &Edge[int64]{Codec: enc})
	b := batch.NewPool[int64](0).Get()
	for i := range int64(1000) {
		b.Add(i, i)
	}
	// One for the batch that has come and is not decoded; none for a row.
	if n := testing.AllocsPerRun(200, func() {
		l.out.Send(b.Ref())
		p.settle()
		e, _ := l.in.gate.Poll()
		e.Batch.Release()
		l.in.gate.Poll()
	}); n > 3 {
		t.Errorf("%.1f allocations for a batch of 1000 rows", n)
	}
	p.end(t, l)
}

func TestEdgesThatStayWithinAProcess(t *testing.T) {
	node := func(name string) *graph.Node { return &graph.Node{Name: name} }
	for _, c := range []struct {
		edge     graph.Edge
		blocking bool
		want     string
	}{
		{graph.Edge{Strategy: graph.Keyed, Type: rowEdge(t)}, false, ""},
		{graph.Edge{Strategy: graph.Keyed, Type: keyedColumns()}, false, ""},
		{graph.Edge{Strategy: graph.Keyed}, false, `edge from "Parse" to "Count" has no type`},
		{graph.Edge{Strategy: graph.Keyed, Type: &Edge[func()]{}}, false, `records from "Parse" to "Count" cannot go to another process: their type has no codec; use another type, or register a codec with stream.WithCodec`},
		{graph.Edge{Strategy: graph.Feedback, Type: rowEdge(t)}, false, `the feedback from "Parse" to "Count" cannot lead to another process`},
		{graph.Edge{Strategy: graph.Keyed, Type: rowEdge(t)}, true, `the blocking exchange from "Parse" to "Count" cannot lead to another process`},
	} {
		c.edge.From, c.edge.To = node("Parse"), node("Count")
		err := CheckRemote(&c.edge, c.blocking)
		if (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %q", err, c.want)
		}
	}
	plain := NewGate(1, true, nil).NewChannel(0, 0, false)
	if err := plain.ReceiveFrom(Remote{Edge: &Edge[func()]{}}); err == nil {
		t.Error("values come that have no codec")
	}
	if _, err := NewRemoteChannel(Remote{Edge: &Edge[func()]{}}, nil); err == nil {
		t.Error("values go that have no codec")
	}
	feedback := NewGate(1, true, nil).NewChannel(0, 0, true)
	blocking := NewBatchGate(1, &Spill{}, nil).NewChannel(0, rowEdge(t), false, false)
	for _, c := range []*Channel{feedback, blocking} {
		if err := c.ReceiveFrom(Remote{Edge: rowEdge(t)}); err == nil {
			t.Error("a channel that stays within a process comes from another one")
		}
	}
}

func TestChannelID(t *testing.T) {
	if id := ChannelID(0xabcd1234, 0xffffffff); id != 0xabcd1234_ffffffff {
		t.Errorf("got %x", id)
	}
}

// FuzzMessages takes messages of batches and of control elements: what makes no sense is an error.
func FuzzMessages(f *testing.F) {
	enc, err := codec.For[record](nil)
	if err != nil {
		f.Fatal(err)
	}
	edge := &Edge[record]{Codec: enc}
	rows := rowBatch(batch.NewPool[record](4), record{"a", 1, 2}, record{"b", 3, 4})
	f.Add(edge.AppendBatch([]byte{2}, rows))
	rows.KeyColumn()
	rows.Mark(9)
	f.Add(edge.AppendBatch([]byte{2}, rows))
	columns := keyedColumns()
	b := columns.decoded().Get()
	for i := range 20 {
		addTestRow(b, i)
	}
	f.Add(columns.AppendBatch([]byte{20}, b))
	h := columns.hasher()
	h.fill(b)
	b.Mark(3)
	f.Add(columns.AppendBatch([]byte{20}, b))
	f.Add(appendControl(nil, operator.Control{Kind: operator.Barrier, Flags: operator.Unaligned, ID: 7, Created: 1 << 60}))
	var reads []func([]byte) (batch.Any, error)
	for _, e := range []EdgeType{edge, columns} {
		read, err := e.BatchReader(e.FlightType())
		if err != nil {
			f.Fatal(err)
		}
		reads = append(reads, read)
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		if c, err := parseControl(message); err == nil {
			if again, err := parseControl(appendControl(nil, c)); err != nil || again != c {
				t.Errorf("%+v becomes %+v, error %v", c, again, err)
			}
		}
		n, data, err := parseBatch(message)
		if err != nil {
			return
		}
		var before, after runtime.MemStats
		for _, read := range reads {
			runtime.ReadMemStats(&before)
			b, err := readBatch(read, n, data)
			runtime.ReadMemStats(&after)
			if took := after.TotalAlloc - before.TotalAlloc; took > 1<<20+uint64(len(message))*256 {
				t.Errorf("%d bytes are allocated for a message of %d", took, len(message))
			}
			if err != nil {
				continue
			}
			last := 0
			for _, m := range *b.MarkList() {
				if m.Row < last || m.Row > n {
					t.Errorf("mark %+v in a batch of %d rows", m, n)
				}
				last = m.Row
			}
			b.Release()
		}
	})
}

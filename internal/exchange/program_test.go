package exchange

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/wire"
)

// TestPrograms runs producers in one process and a consumer in another, at their own speeds, over a
// connection that moves little at a time, with windows of few batches. Barriers of all kinds
// separate exactly what was sent before them from what was sent after them, processed or in flight;
// nothing is lost, repeated or out of order; and it comes to its end, also where the consumer processes
// nothing until all that a barrier has overtaken has come.
func TestPrograms(t *testing.T) {
	overSeeds(t, func(seed uint64) {
		synctest.Test(t, func(t *testing.T) { runProgram(t, seed, nil) })
	})
}

// TestCuts cuts the connection of a program after each byte, in both directions.
func TestCuts(t *testing.T) {
	for s := range uint64(3) {
		for _, direction := range []string{"to the consumer", "to the producers"} {
			for after := 0; ; after++ {
				c := &cut{direction: direction, after: after}
				synctest.Test(t, func(t *testing.T) { runProgram(t, 1000+s, c) })
				if !c.done {
					t.Logf("program %d sends %d bytes %s", 1000+s, after, direction)
					break
				}
			}
		}
	}
}

// cut is where a connection is cut.
type cut struct {
	direction string
	after     int // bytes
	done      bool
}

// bumpy moves little at a time, and sometimes nothing for a while.
type bumpy struct {
	net.Conn
	mu    sync.Mutex
	rng   *rand.Rand
	bytes int  // at most at a time
	cut   *cut // nil: none
}

func (c *bumpy) draw(most int) int {
	c.mu.Lock()
	n := min(1+c.rng.IntN(c.bytes), most)
	stall := c.rng.IntN(16) == 0
	c.mu.Unlock()
	if stall {
		time.Sleep(time.Millisecond) // of the bubble's clock
	}
	return n
}

func (c *bumpy) Read(p []byte) (int, error) { return c.Conn.Read(p[:c.draw(len(p))]) }

func (c *bumpy) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		n := c.draw(len(p) - done)
		if c.cut != nil {
			n = min(n, c.cut.after)
			if c.cut.after -= n; n == 0 {
				c.cut.done = true
				c.Conn.Close()
				return done, net.ErrClosed
			}
		}
		n, err := c.Conn.Write(p[done : done+n])
		if done += n; err != nil {
			return done, err
		}
	}
	return done, nil
}

// program is what happens in one run.
type program struct {
	t          *testing.T
	edge       *Edge[record]
	pool       *batch.Pool[record]
	gate       *Gate
	processes  *processes
	news       chan struct{}
	links      []*link
	producers  []*testProducer
	overs      chan struct{} // closed when the connection has ended
	timeout    int64
	checkpoint struct {
		sync.Mutex
		flags map[int64]operator.Flags
		dead  int64
	}
}

// testProducer sends numbered batches on one channel.
type testProducer struct {
	p      *program
	i      int
	l      *link
	rng    *rand.Rand
	number int // of batches to send

	mu     sync.Mutex
	sent   int
	before map[int64]int // batches before each barrier
	ended  bool
}

func runProgram(t *testing.T, seed uint64, c *cut) {
	after := 0
	if c != nil {
		after = c.after
	}
	defer func() {
		switch {
		case !t.Failed():
		case c == nil:
			t.Logf("replay: go test ./internal/exchange -run TestPrograms -seed %d", seed)
		default:
			t.Logf("program %d, cut after %d bytes %s", seed, after, c.direction)
		}
	}()
	rng := rand.New(rand.NewPCG(seed, 1))
	enc, err := codec.For[record](nil)
	if err != nil {
		t.Fatal(err)
	}
	p := &program{
		t: t, edge: &Edge[record]{Codec: enc}, pool: batch.NewPool[record](16),
		news: make(chan struct{}, 1), overs: make(chan struct{}), timeout: rng.Int64N(2) * int64(time.Millisecond),
	}
	p.checkpoint.flags = map[int64]operator.Flags{}
	sizes := []int{16, 300, 1 << 16}
	if c != nil {
		sizes = []int{300}
	}
	x, y := net.Pipe()
	a := &bumpy{Conn: x, rng: rand.New(rand.NewPCG(seed, 2)), bytes: sizes[rng.IntN(len(sizes))]}
	b := &bumpy{Conn: y, rng: rand.New(rand.NewPCG(seed, 3)), bytes: sizes[rng.IntN(len(sizes))]}
	ps := connectOver(t, a, b, wire.Options{})
	p.processes = ps
	if c != nil && c.direction == "to the consumer" {
		a.mu.Lock()
		a.cut = c
		a.mu.Unlock()
	} else if c != nil {
		b.mu.Lock()
		b.cut = c
		b.mu.Unlock()
	}

	p.gate = NewGate(1, rng.IntN(8) > 0, func() { signal(p.news) })
	channels, batches := 1+rng.IntN(4), 5+rng.IntN(60)
	if c != nil {
		channels, batches = 2, 3
	}
	for i := range channels {
		in := p.gate.NewChannel(0, 1+rng.Int64N(2000), false)
		if rng.IntN(5) > 0 || c != nil {
			in.MayOvertake(Origin{From: "source", Producer: i, Edge: p.edge})
		}
		p.producers = append(p.producers, &testProducer{
			p: p, i: i, rng: rand.New(rand.NewPCG(seed, uint64(10+i))), number: 1 + rng.IntN(batches),
			before: map[int64]int{},
		})
	}
	began := time.Now()
	p.gate.Configure(func() int64 { return time.Since(began).Nanoseconds() + 1 }, p.timeout)
	for i, ch := range p.gate.channels {
		l, err := ps.tryConnect(ch.Channel, p.edge)
		if err != nil && c != nil { // it is cut so early
			ps.a.Abort(err)
			ps.b.Abort(err)
			<-ps.a.Done()
			<-ps.b.Done()
			p.gate.Discard()
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		p.links = append(p.links, l)
		p.producers[i].l = l
	}
	go func() {
		<-ps.a.Done()
		<-ps.b.Done()
		close(p.overs)
	}()

	var runs sync.WaitGroup
	for _, producer := range p.producers {
		runs.Go(producer.run)
	}
	consumer := testConsumer{program: p, rng: rng, exact: p.gate.align, state: map[int64][]int{}, got: make([]int, channels)}
	consumer.run()
	runs.Wait()
	if c == nil {
		for i, l := range p.links {
			if producer, failed := l.failures(); len(producer)+len(failed) > 0 {
				t.Errorf("channel %d has failed: %v, %v", i, producer, failed)
			}
			l.out.Abandon()
		}
		if !consumer.ended {
			t.Error("the consumer has not come to the end")
		}
		p.gate.Discard()
		ps.close(t)
		return
	}
	ps.a.Abort(errors.New("the test is over"))
	ps.b.Abort(errors.New("the test is over"))
	<-p.overs
	synctest.Wait()
	p.checkFailures(&consumer, c)
	p.gate.Discard()
}

// checkFailures checks that a cut was told once to each end that was not through, with the name of the
// other process, and that nobody took it for an end.
func (p *program) checkFailures(consumer *testConsumer, c *cut) {
	for i, l := range p.links {
		pr := p.producers[i]
		producer, failed := l.failures()
		complete := consumer.got[i] == pr.number && p.gate.channels[i].ended
		if len(producer) != 1 || !strings.Contains(producer[0].Error(), "worker-b") {
			p.t.Errorf("the producer of channel %d was told %v", i, producer)
		}
		var e *wire.Error
		switch {
		case complete && len(failed) > 0 || len(failed) > 1:
			p.t.Errorf("the consumer of channel %d is complete: %v, and was told %v", i, complete, failed)
		case len(failed) == 1 && (!errors.As(failed[0], &e) || !strings.Contains(failed[0].Error(), "worker-a")):
			p.t.Errorf("the consumer of channel %d was told %v", i, failed)
		case !complete && len(failed) == 0 && !p.drainsTo(consumer, i):
			p.t.Errorf("channel %d is cut after %d of %d batches, and the consumer was told nothing", i,
				consumer.got[i], pr.number)
		}
		if p.gate.channels[i].ended && consumer.got[i] != pr.number {
			p.t.Errorf("channel %d has ended after %d of %d batches", i, consumer.got[i], pr.number)
		}
		l.out.Abandon()
	}
	if consumer.ended && c.done {
		for i := range p.links {
			if !p.gate.channels[i].ended {
				p.t.Errorf("the end was told, and channel %d has not ended", i)
			}
		}
	}
}

// drainsTo reports whether what is left in the gate makes channel i complete.
func (p *program) drainsTo(consumer *testConsumer, i int) bool {
	p.gate.Abort(1 << 60) // what waits for the barrier of another channel
	consumer.drain()
	return consumer.got[i] == p.producers[i].number && p.gate.channels[i].ended
}

func (s *testProducer) run() {
	barrier := int64(0)
	for s.sent < s.number {
		if s.rng.IntN(3) == 0 {
			time.Sleep(time.Duration(s.rng.IntN(300)) * time.Microsecond)
		}
		overdraws := false
		if s.rng.IntN(4) == 0 && barrier < int64(s.number) {
			barrier++
			flags := s.p.barrier(barrier, s.rng)
			s.mu.Lock()
			s.before[barrier] = s.sent
			s.mu.Unlock()
			s.l.out.Control(operator.Control{
				Kind: operator.Barrier, ID: barrier, Flags: flags, Created: 1,
			})
			overdraws = flags.Has(operator.Unaligned)
		}
		if s.rng.IntN(8) == 0 {
			s.l.out.Control(operator.Control{Kind: operator.Idle})
			s.l.out.Control(operator.Control{Kind: operator.Active})
		}
		b := s.p.pool.Get()
		for range 1 + s.rng.IntN(12) {
			b.Add(record{Key: strings.Repeat("k", s.rng.IntN(20)), Time: int64(s.i), N: s.sent}, int64(s.sent))
		}
		b.Mark(int64(s.sent))
		s.mu.Lock()
		s.sent++ // before it can come
		s.mu.Unlock()
		room := s.l.out.Send(b)
		for !room && !(overdraws && s.rng.IntN(2) == 0) {
			select {
			case <-s.l.room:
			case <-s.p.overs:
				return
			}
			room = s.l.out.Room()
		}
	}
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.l.out.Control(operator.Control{Kind: operator.EndOfInput, Input: -1})
}

// barrier returns the flags of a checkpoint's barrier, which the first producer that sends it decides.
func (p *program) barrier(id int64, rng *rand.Rand) operator.Flags {
	p.checkpoint.Lock()
	defer p.checkpoint.Unlock()
	f, ok := p.checkpoint.flags[id]
	if !ok {
		f = []operator.Flags{0, operator.Unaligned, operator.Unaligned, operator.Savepoint}[rng.IntN(4)]
		p.checkpoint.flags[id] = f
	}
	return f
}

// testConsumer does what a task does with its gate.
type testConsumer struct {
	*program
	rng        *rand.Rand
	exact      bool
	got        []int // batches of each channel
	state      map[int64][]int
	collecting int64
	ended      bool
	overtaken  int
}

func (s *testConsumer) run() {
	limit := time.After(10 * time.Minute) // of the bubble's clock, which heartbeats move on for ever
	for !s.ended {
		if s.step() {
			if s.rng.IntN(6) == 0 {
				time.Sleep(time.Duration(s.rng.IntN(2000)) * time.Microsecond)
			}
			continue
		}
		var due <-chan time.Time
		if d := s.gate.Deadline(); d != 0 {
			due = time.After(max(0, time.Duration(d-s.gate.clock())))
		}
		select {
		case <-s.news:
		case <-due:
		case <-s.overs:
			s.drain()
			return
		case <-limit:
			s.t.Errorf("it has come to a standstill: %v batches of %d channels, collecting %d", s.got, len(s.links), s.collecting)
			s.processes.a.Abort(errors.New("standstill"))
			return
		}
	}
}

func (s *testConsumer) drain() {
	for s.step() {
	}
}

// step reports whether anything was done. While flights are collected nothing is polled, as by a task
// that is blocked.
func (s *testConsumer) step() bool {
	if c, ok := s.gate.Urgent(); ok {
		s.state[c.ID] = append([]int(nil), s.got...)
		s.collecting = 0
		if s.gate.Overtake(c.ID) {
			s.collecting = c.ID
		} else {
			s.check(c.ID)
		}
	}
	if s.collecting != 0 {
		if s.rng.IntN(40) == 0 {
			s.gate.Abort(s.collecting)
			s.collecting = 0
			return true
		}
		if !s.gate.Collect(s.collecting) {
			if s.gate.over.collecting == s.collecting {
				return false
			}
			s.collecting = 0 // given up for a later one
			return true
		}
		s.count(s.collecting)
		s.check(s.collecting)
		s.collecting = 0
	}
	e, ok := s.gate.Poll()
	switch {
	case !ok:
		return false
	case e.Batch != nil:
		s.take(e.Batch, s.got)
		e.Batch.Release()
	case e.Control.Kind == operator.Barrier:
		s.state[e.Control.ID] = append([]int(nil), s.got...)
		s.check(e.Control.ID)
	case e.Control.Kind == operator.EndOfInput && e.Control.Input < 0:
		s.ended = true
	}
	return true
}

// take counts a batch that must be the next one of its channel.
func (s *testConsumer) take(b batch.Any, counts []int) {
	rows := b.(*batch.Rows[record])
	v := rows.Vals[0]
	if v.N != counts[v.Time] {
		s.t.Errorf("channel %d delivers batch %d after %d", v.Time, v.N, counts[v.Time]-1)
	}
	for _, r := range rows.Vals {
		if r.N != v.N || r.Time != v.Time || strings.Trim(r.Key, "k") != "" {
			s.t.Errorf("batch %d of channel %d has a row %+v", v.N, v.Time, r)
		}
	}
	counts[v.Time] = v.N + 1
}

// count adds what a barrier has overtaken to what the state of its checkpoint has.
func (s *testConsumer) count(checkpoint int64) {
	for _, f := range s.gate.Flights() {
		for _, b := range f.batches {
			s.take(decoded(s.t, s.edge, b), s.state[checkpoint])
			s.overtaken++
		}
		f.Discard()
	}
}

// check checks that a checkpoint has exactly what was sent before its barriers; a gate that does not
// align, at least that.
func (s *testConsumer) check(checkpoint int64) {
	for i, pr := range s.producers {
		pr.mu.Lock()
		want, ok := pr.before[checkpoint]
		if !ok {
			want = pr.sent
			if !pr.ended {
				s.t.Errorf("checkpoint %d is complete without channel %d", checkpoint, i)
			}
		}
		pr.mu.Unlock()
		if got := s.state[checkpoint][i]; got != want && (s.exact || got < want) {
			s.t.Errorf("checkpoint %d (%s) has %d batches of channel %d, want %d", checkpoint,
				fmt.Sprint(s.checkpoint.flags[checkpoint]), got, i, want)
		}
	}
}

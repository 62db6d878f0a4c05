package wire

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"testing"
	"testing/synctest"
	"time"
)

var (
	programs = flag.Int("programs", 200, "random programs")
	seed     = flag.Uint64("seed", 0, "run only the program of this seed")
)

// TestPrograms runs random programs over connections that read and write little at a time, and compares
// what comes with what was sent:
//
//	go test ./internal/wire -run TestPrograms -seed 17
func TestPrograms(t *testing.T) {
	if *seed != 0 {
		runProgram(t, *seed)
		return
	}
	for s := range *programs {
		runProgram(t, uint64(s+1))
		if t.Failed() {
			t.Fatalf("replay: go test ./internal/wire -run TestPrograms -seed %d", s+1)
		}
	}
}

func runProgram(t *testing.T, seed uint64) {
	inUse := buffersInUse()
	synctest.Test(t, func(t *testing.T) {
		p := newProgram(t, seed)
		for range 100 + p.rng.IntN(400) {
			p.step()
			if t.Failed() {
				break
			}
		}
		switch p.rng.IntN(3) {
		case 0:
			p.end()
		case 1:
			p.close()
		default:
			p.abort()
		}
	})
	if n := buffersInUse() - inUse; n != 0 {
		t.Errorf("%d buffers are lost", n)
	}
}

// program drives channels in both directions and knows what must come.
type program struct {
	t        *testing.T
	rng      *rand.Rand
	a, b     *Conn
	channels []*modelChannel
}

// modelChannel is a channel, and what of it is under way.
type modelChannel struct {
	p        *program
	id       ChannelID
	from, to *Conn
	window   int
	sizeMax  int

	sender   *Sender
	receiver *Receiver
	in       *inbox
	room     bool // as last reported
	woken    chan struct{}
	number   int

	sent, urgent [][]byte // and not come
	held         int      // cost of what has come and is not granted
	largest      int      // cost of the largest message
	closed       bool     // the sender
	gone         bool     // the receiver
}

func newProgram(t *testing.T, seed uint64) *program {
	rng := rand.New(rand.NewPCG(seed, 0))
	p := &program{t: t, rng: rng}
	a, b := net.Pipe()
	wrap := func(nc net.Conn) net.Conn {
		size := []int{64, 4096, 1 << 20}[rng.IntN(3)]
		return &chunked{
			Conn: nc, rng: rand.New(rand.NewPCG(seed, rng.Uint64())), bytes: size, stall: time.Millisecond,
		}
	}
	ao, bo := options("worker-a"), options("worker-b")
	ao.Compress, bo.Compress = rng.IntN(2) == 0, rng.IntN(2) == 0
	p.a, p.b = connect(t, wrap(a), wrap(b), ao, bo)
	for i := range 1 + rng.IntN(6) {
		m := &modelChannel{
			p: p, id: ChannelID(rng.Uint64()), in: newInbox(), woken: make(chan struct{}, 1),
			room: true, window: 1 + rng.IntN(8<<10), sizeMax: 1 + rng.IntN([]int{16, 2000, 20_000}[i%3]),
		}
		if m.from, m.to = p.a, p.b; rng.IntN(2) == 0 {
			m.from, m.to = p.b, p.a
		}
		p.channels = append(p.channels, m)
	}
	return p
}

func (p *program) step() {
	m := p.channels[p.rng.IntN(len(p.channels))]
	switch n := p.rng.IntN(40); {
	case n < 16:
		m.send(p.rng.IntN(20) == 0)
	case n < 18:
		m.sendUrgent()
	case n < 28:
		m.take()
	case n < 36:
		m.grant(p.rng.IntN(m.held + 1))
	case n == 36:
		p.settle()
	case n == 37 && p.rng.IntN(10) == 0:
		m.close()
	case n == 38 && p.rng.IntN(10) == 0:
		m.leave()
	default:
		time.Sleep(time.Duration(p.rng.IntN(3)) * time.Millisecond)
	}
}

// settle lets everything come that can, and checks that the channels without room are those that
// must be.
func (p *program) settle() {
	for _, m := range p.channels {
		m.take()
		m.grant(m.held)
	}
	// Stalls are shorter than a heartbeat by far, so what can come has come after a while.
	for range 20 {
		time.Sleep(time.Second)
		for _, m := range p.channels {
			m.take()
			m.grant(m.held)
		}
	}
	for _, m := range p.channels {
		if m.receiver == nil || m.sender == nil || m.gone {
			continue
		}
		if len(m.sent)+len(m.urgent) > 0 {
			p.t.Errorf("channel %d: %d messages and %d urgent ones have not come",
				m.id, len(m.sent), len(m.urgent))
		}
		if !m.sender.Room() {
			p.t.Errorf("channel %d has no room although all is dealt with", m.id)
		}
		if !m.room {
			select {
			case <-m.woken:
			default:
				p.t.Errorf("the producer of channel %d was not woken", m.id)
			}
			m.room = true
		}
	}
}

func (m *modelChannel) open(sender bool) {
	if sender && m.sender == nil {
		m.sender = m.newSender()
	}
	if !sender && m.receiver == nil {
		m.receiver = receiver(m.p.t, m.to, m.id, m.window, m.in)
	}
}

func (m *modelChannel) newSender() *Sender {
	return sender(m.p.t, m.from, m.id, func() {
		select {
		case m.woken <- struct{}{}:
		default:
		}
	})
}

// send sends a message, with force also where there was no room.
func (m *modelChannel) send(force bool) {
	m.open(true)
	if m.closed {
		return
	}
	if !m.room {
		select {
		case <-m.woken:
			m.room = true
		default:
			if !force {
				return
			}
		}
	}
	b := m.fill()
	cost := len(b.B) + Overhead
	if !m.gone {
		m.sent = append(m.sent, bytes.Clone(b.B))
		m.largest = max(m.largest, cost)
	}
	m.room = send(m.p.t, m.sender, 1, b)
}

func (m *modelChannel) sendUrgent() {
	m.open(true)
	if m.closed {
		return
	}
	b := m.fill()
	if !m.gone {
		m.urgent = append(m.urgent, bytes.Clone(b.B))
	}
	sendUrgent(m.p.t, m.sender, 2, b)
}

// fill makes a message that is not like any other.
func (m *modelChannel) fill() *Buffer {
	m.number++
	b := NewBuffer(0)
	b.B = fmt.Appendf(b.B, "%d of %d ", m.number, m.id)
	n := m.p.rng.IntN(m.sizeMax)
	if m.p.rng.IntN(2) == 0 {
		b.B = append(b.B, bytes.Repeat([]byte{byte(n)}, n)...)
		return b
	}
	for range n {
		b.B = append(b.B, byte(m.p.rng.Uint32()))
	}
	return b
}

// take looks at what has come.
func (m *modelChannel) take() {
	m.open(false)
	for _, got := range m.in.take() {
		m.check(got)
		got.Buffer.Free()
	}
	if limit := m.window + m.largest; m.held > limit && !m.gone {
		m.p.t.Errorf("channel %d: %d bytes have come, window %d, largest message %d",
			m.id, m.held, m.window, m.largest)
	}
}

func (m *modelChannel) check(got Message) {
	if m.gone {
		return
	}
	want, kind := &m.sent, uint8(1)
	if got.Urgent {
		want, kind = &m.urgent, 2
	}
	if len(*want) == 0 || got.Kind != kind || !bytes.Equal(got.Buffer.B, (*want)[0]) {
		m.p.t.Errorf("channel %d: got %.40q, want the first of %d, %.40q", m.id, got.Buffer.B, len(*want), *want)
		return
	}
	*want = (*want)[1:]
	m.held += got.Cost
}

func (m *modelChannel) grant(n int) {
	if m.receiver == nil || n == 0 {
		return
	}
	m.held -= n
	m.receiver.Grant(n)
}

// close ends the sender; what it has sent must still come.
func (m *modelChannel) close() {
	if m.sender != nil && !m.closed {
		m.closed, m.room = true, true
		m.sender.Close()
	}
}

// leave ends the receiver, which lets the sender go on.
func (m *modelChannel) leave() {
	if m.receiver != nil && !m.gone {
		m.take()
		m.gone = true
		m.sent, m.urgent = nil, nil
		m.receiver.Close()
	}
}

// end lets all come, and ends all channels and the connection.
func (p *program) end() {
	p.open()
	p.settle()
	for _, m := range p.channels {
		if p.rng.IntN(2) == 0 {
			m.close()
			m.leave()
		} else {
			m.leave()
			m.close()
		}
	}
	time.Sleep(10 * time.Second)
	checkForgotten(p.t, p.a, p.b)
	closeBoth(p.t, p.a, p.b)
	p.drop()
}

// close closes the connection from one side or both while messages are queued: all must come.
func (p *program) close() {
	p.open()
	closed := make(chan error, 2)
	sides := []*Conn{p.a, p.b}[p.rng.IntN(2):][:1]
	if p.rng.IntN(3) == 0 {
		sides = []*Conn{p.a, p.b}
	}
	for _, c := range sides {
		go func() { closed <- c.Close(p.t.Context()) }()
	}
	for p.a.Err() == nil || p.b.Err() == nil {
		time.Sleep(10 * time.Millisecond)
		for _, m := range p.channels {
			m.take()
			m.grant(m.held)
		}
	}
	for range sides {
		if err := <-closed; err != nil {
			p.t.Error(err)
		}
	}
	p.checkEnd(ErrClosed)
	for _, m := range p.channels {
		m.take()
		if len(m.sent)+len(m.urgent) > 0 {
			p.t.Errorf("channel %d: %d messages and %d urgent ones are lost",
				m.id, len(m.sent), len(m.urgent))
		}
	}
}

// abort cuts the connection: every channel knows, and what has come is what was sent first.
func (p *program) abort() {
	p.open()
	cause := errors.New("cut by the program")
	p.a.Abort(cause)
	p.checkEnd(nil)
	for _, m := range p.channels {
		m.take()
	}
	checkError(p.t, p.a.Err(), cause)
}

// checkEnd checks that all channels know of the end, and why.
func (p *program) checkEnd(cause error) {
	<-p.a.Done()
	<-p.b.Done()
	for _, m := range p.channels {
		failures := m.in.failures()
		if want := m.to.Err(); !m.gone && (len(failures) != 1 || failures[0] != want) {
			p.t.Errorf("channel %d has failed with %v, the connection with %v", m.id, failures, want)
		}
		if cause != nil && !errors.Is(m.to.Err(), cause) {
			p.t.Errorf("the connection ended with %v", m.to.Err())
		}
		if _, err := m.sender.Send(0, text("late")); err == nil {
			p.t.Errorf("channel %d takes messages after the end", m.id)
		}
		if m.room || m.closed {
			continue
		}
		select {
		case <-m.woken:
		default:
			p.t.Errorf("the producer of channel %d was not woken at the end", m.id)
		}
	}
}

// open makes the ends of channels that are not there yet.
func (p *program) open() {
	for _, m := range p.channels {
		m.open(true)
		m.open(false)
	}
}

// drop frees what has come to receivers that were closed before it was looked at.
func (p *program) drop() {
	for _, m := range p.channels {
		m.in.texts()
	}
}

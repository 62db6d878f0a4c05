package wire

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
)

// TestFlowControl: a channel takes a message while there is credit, however long, and nothing after
// that until there is credit again; its producer is woken once.
func TestFlowControl(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t)
		wakes := 0
		s := sender(t, a, 7, func() { wakes++ })
		if s.Room() {
			t.Error("there is room before the receiver is there")
		}
		send(t, s, 1, text("before it is open"))
		in := newInbox()
		r := receiver(t, b, 7, 100+2*Overhead, in)
		synctest.Wait()
		checkTexts(t, in.texts(), "before it is open")
		if wakes != 1 || !s.Room() {
			t.Errorf("%d wakes, want 1, and room", wakes)
		}

		long := strings.Repeat("x", 1000)
		if send(t, s, 2, text(long)) {
			t.Error("there is room after a message that is longer than the window")
		}
		for range 3 {
			send(t, s, 3, text("queued"))
		}
		synctest.Wait()
		sendUrgent(t, s, 4, text("urgent"))
		synctest.Wait()
		checkTexts(t, in.texts(), long, "urgent")
		if wakes != 1 {
			t.Errorf("%d wakes without room", wakes)
		}

		r.Grant(len("before it is open") + Overhead)
		r.Grant(len(long) + Overhead)
		synctest.Wait()
		checkTexts(t, in.texts(), "queued", "queued", "queued")
		if wakes != 2 || !s.Room() {
			t.Errorf("%d wakes, want 2, and room", wakes)
		}
		s.Close()
		r.Close()
		synctest.Wait()
		checkForgotten(t, a, b)
		closeBoth(t, a, b)
	})
}

// TestSlowConsumer: a channel whose consumer takes nothing holds up no other.
func TestSlowConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t)
		slow, quick := newInbox(), newInbox()
		receiver(t, b, 1, 1000, slow)
		r := receiver(t, b, 2, 1000, quick)
		s1, s2 := sender(t, a, 1, nil), sender(t, a, 2, nil)
		for range 100 {
			send(t, s1, 0, text(strings.Repeat("s", 500)))
			send(t, s2, 0, text(strings.Repeat("q", 500)))
		}
		n := 0
		for n < 100 {
			synctest.Wait()
			got := quick.texts()
			if len(got) == 0 {
				t.Fatalf("the quick consumer is stuck after %d messages", n)
			}
			n += len(got)
			r.Grant(len(got) * (500 + Overhead))
		}
		if got := len(slow.texts()); got != 2 {
			t.Errorf("%d messages have come in a window of 1000 bytes, want 2", got)
		}
		a.Abort(ErrClosed)
		<-a.Done()
		<-b.Done()
	})
}

// TestOrderOfWriting: what is urgent overtakes what is queued, and channels have turns by bytes, not by
// messages.
func TestOrderOfWriting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, r := against(t, options("worker-a"))
		sizes := map[ChannelID]int{1: 1000, 2: 20_000, 3: 100_000}
		senders := map[ChannelID]*Sender{}
		for id, size := range sizes {
			s := sender(t, a, id, nil)
			senders[id] = s
			for range 3_000_000 / size {
				send(t, s, uint8(id), text(strings.Repeat("x", size)))
			}
			r.send(header{kind: credit, channel: id}, creditOf(1<<40))
		}
		synctest.Wait() // the first packet is on its way: nobody reads it
		for _, s := range senders {
			sendUrgent(t, s, 9, text("!"))
		}
		overtaken, urgents := 0, 0
		sent := map[ChannelID]int{}
		for urgents < len(sizes) || slices.Max([]int{sent[1], sent[2], sent[3]}) < 2_900_000 {
			h, _ := r.next()
			if h.kind == urgent {
				urgents++
				continue
			}
			if urgents == 0 {
				overtaken += h.length
				continue // the packet that was under way may not hold all channels
			}
			sent[h.channel] += h.length
		}
		if limit := packetBytes + quantumBytes + sizes[3]; overtaken > limit {
			t.Errorf("%d bytes came before what is urgent, limit %d", overtaken, limit)
		}
		for id, n := range sent {
			if least := 2_900_000 - 2*sizes[3] - packetBytes; n < least {
				t.Errorf("channel %d of messages of %d bytes has sent %d, want at least %d", id, sizes[id], n, least)
			}
		}
		go r.drain()
		a.Abort(ErrClosed)
		<-a.Done()
	})
}

// TestCompression: a message is sent compressed if that makes it shorter.
func TestCompression(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := options("worker-a")
		o.Compress = true
		a, r := against(t, o)
		noise := make([]byte, 5000)
		for i := range noise {
			noise[i] = byte(rand.Uint32())
		}
		s := sender(t, a, 1, nil)
		r.send(header{kind: credit, channel: 1}, creditOf(1<<20))
		for _, c := range []struct {
			text string
			flag uint8
		}{
			{strings.Repeat("flott ", 1000), compressed},
			{string(noise), 0},
			{"short", 0},
		} {
			send(t, s, 1, text(c.text))
			h, payload := r.next()
			if string(payload) != c.text || h.flags != c.flag {
				t.Errorf("%d bytes with flags %d, want %d with %d", len(payload), h.flags, len(c.text), c.flag)
			}
			if shorter := h.length < len(c.text); shorter != (c.flag != 0) {
				t.Errorf("%d bytes are %d on the wire", len(c.text), h.length)
			}
		}
		r.nc.Close()
		<-a.Done()
	})
}

// TestTooLong: a message beyond the limit is refused where it is sent, and harms nothing.
func TestTooLong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, y := pipes()
		o := options("worker-a")
		o.MessageBytesMax = 100
		a, b := connect(t, x, y, o, options("worker-b"))
		in := newInbox()
		receiver(t, b, 1, 1000, in)
		s := sender(t, a, 1, nil)
		if _, err := s.Send(0, text(strings.Repeat("x", 101))); err == nil ||
			!strings.Contains(err.Error(), "101 bytes, limit 100") {
			t.Errorf("error %v", err)
		}
		if err := s.Urgent(0, text(strings.Repeat("x", 101))); err == nil {
			t.Error("the urgent message is not refused")
		}
		send(t, s, 0, text(strings.Repeat("x", 100)))
		synctest.Wait()
		checkTexts(t, in.texts(), strings.Repeat("x", 100))
		closeBoth(t, a, b)
	})
}

// TestTwice: a channel has one sender and one receiver.
func TestTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t)
		sender(t, a, 1, nil)
		receiver(t, a, 1, 100, newInbox())
		if _, err := a.NewSender(1, nil); err == nil || !strings.Contains(err.Error(), "channel 1 exists") {
			t.Errorf("error %v", err)
		}
		if _, err := a.NewReceiver(1, 1, newInbox()); err == nil || !strings.Contains(err.Error(), "channel 1 exists") {
			t.Errorf("error %v", err)
		}
		closeBoth(t, a, b)
	})
}

// TestStoppedEarly: a receiver that closes before its sender exists lets that one go on.
func TestStoppedEarly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t)
		in := newInbox()
		receiver(t, b, 1, 100, in).Close()
		synctest.Wait()
		checkForgotten(t, b)
		s := sender(t, a, 1, nil)
		for range 10 {
			if !send(t, s, 0, text("to nobody")) || !s.Room() {
				t.Error("no room at a channel that takes nothing")
			}
		}
		s.Close()
		if _, err := s.Send(0, text("late")); err == nil {
			t.Error("a closed sender sends")
		}
		synctest.Wait()
		checkForgotten(t, a, b)
		closeBoth(t, a, b)
		if len(in.take()) > 0 || len(in.failures()) > 0 {
			t.Error("a closed receiver was called")
		}
	})
}

// TestStoppedLate: a receiver that closes wakes the producer that waits for it.
func TestStoppedLate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t)
		wakes := 0
		s := sender(t, a, 1, func() { wakes++ })
		r := receiver(t, b, 1, 1, newInbox())
		synctest.Wait()
		if wakes != 0 || send(t, s, 0, text("takes the window")) {
			t.Errorf("%d wakes, want none, and no room", wakes)
		}
		r.Close()
		synctest.Wait()
		if wakes != 1 || !s.Room() {
			t.Errorf("%d wakes, want 1, and room", wakes)
		}
		s.Close()
		synctest.Wait()
		checkForgotten(t, a, b)
		closeBoth(t, a, b)
	})
}

// TestClosedReceiver: what was under way to a receiver that closes is dropped.
func TestClosedReceiver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, r := against(t, options("worker-a"))
		go r.drain()
		in := newInbox()
		rec := receiver(t, a, 1, 1000, in)
		synctest.Wait()
		r.send(header{kind: message, channel: 1}, []byte("in time"))
		synctest.Wait()
		rec.Close()
		rec.Close()
		rec.Grant(1000)
		r.send(header{kind: message, channel: 1}, []byte("late"))
		r.send(header{kind: urgent, channel: 1}, []byte("late"))
		r.send(header{kind: end, channel: 1}, nil)
		synctest.Wait()
		checkTexts(t, in.texts(), "in time")
		checkForgotten(t, a)
		r.nc.Close()
		<-a.Done()
		if len(in.failures()) > 0 {
			t.Error("a closed receiver was called")
		}
	})
}

// TestEnd: the end of a channel comes when all that was queued has been sent.
func TestEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, r := against(t, options("worker-a"))
		s := sender(t, a, 1, nil)
		send(t, s, 0, text("one"))
		send(t, s, 0, text("two"))
		sendUrgent(t, s, 0, text("urgent"))
		s.Close()
		for _, want := range []kind{urgent, message, message, end} {
			if want != end { // each time enough for one message
				r.send(header{kind: credit, channel: 1}, creditOf(1+Overhead))
			}
			if h, _ := r.next(); h.kind != want {
				t.Fatalf("kind %d, want %d", h.kind, want)
			}
		}
		r.send(header{kind: stop, channel: 1}, nil)
		synctest.Wait()
		checkForgotten(t, a)
		r.nc.Close()
		<-a.Done()
	})
}

// TestFairness: what a channel has sent too much in its turn is taken off the next ones, also when its
// queue was empty between.
func TestFairness(t *testing.T) {
	c := &Conn{}
	c.out.work.L = &c.out
	short, long := &Sender{c: c, credit: creditMax}, &Sender{c: c, credit: creditMax}
	put := func(s *Sender, n int) {
		s.queue.push(outgoing{header: header{length: n}, cost: int64(n)})
		s.readyLocked()
	}
	for range 100_000 {
		put(short, 1<<10)
	}
	var p packet
	for range 1000 {
		if long.queue.len() == 0 {
			put(long, 10*quantumBytes)
		}
		c.out.ready.pop().takeTurnLocked(&p)
	}
	sent := func(s *Sender) int64 { return creditMax - s.credit }
	if d := sent(long) - sent(short); d > 11*quantumBytes || d < -11*quantumBytes {
		t.Errorf("short messages got %d bytes, long ones %d", sent(short), sent(long))
	}
}

func TestQueue(t *testing.T) {
	var q queue[int]
	var model []int
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range 10_000 {
		if rng.IntN(100) < 50+i/100%10-5 {
			q.push(i)
			model = append(model, i)
		} else if len(model) > 0 {
			if got := q.pop(); got != model[0] {
				t.Fatalf("got %d, want %d", got, model[0])
			}
			model = model[1:]
		}
		if q.len() != len(model) {
			t.Fatalf("length %d, want %d", q.len(), len(model))
		}
	}
}

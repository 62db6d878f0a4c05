package wire

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func pipes() (net.Conn, net.Conn) { return net.Pipe() }

func TestHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, y := pipes()
		co, so := options("worker-a"), options("worker-b")
		co.Hello, so.Hello = []byte("attempt 3"), []byte("welcome")
		so.Check = func(name string, hello []byte) error {
			if name != "worker-a" || string(hello) != "attempt 3" {
				t.Errorf("checked %q, %q", name, hello)
			}
			return nil
		}
		a, b := connect(t, x, y, co, so)
		if a.Peer() != "worker-b" || string(a.Hello()) != "welcome" ||
			b.Peer() != "worker-a" || string(b.Hello()) != "attempt 3" {
			t.Errorf("%s: %s, %s: %s", a.Peer(), a.Hello(), b.Peer(), b.Hello())
		}
		if a.Err() != nil {
			t.Error(a.Err())
		}
		closeBoth(t, a, b)
		checkError(t, a.Err(), ErrClosed, "worker-b")
		checkError(t, b.Err(), ErrClosed, "worker-a")
	})
}

// shake runs both sides of a handshake that fails.
func shake(co, so Options) (client, server error) {
	x, y := pipes()
	served := make(chan error)
	go func() {
		_, err := Server(y, so)
		served <- err
	}()
	_, client = Client(x, co)
	return client, <-served
}

func TestRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		so := options("worker-b")
		so.Check = func(string, []byte) error { return errors.New("attempt 3 is over") }
		client, server := shake(options("worker-a"), so)
		checkError(t, client, ErrRefused, "worker-b", "attempt 3 is over")
		checkError(t, server, ErrRefused, "worker-a", "attempt 3 is over")
	})
}

func TestVersions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, c := range []struct {
			client, server uint16
			ok             bool
		}{{1, 1, true}, {1, 2, true}, {2, 1, true}, {1, 3, false}, {3, 1, false}, {1, 65535, false}} {
			co, so := options("worker-a"), options("worker-b")
			co.version, so.version = c.client, c.server
			if c.ok {
				x, y := pipes()
				a, b := connect(t, x, y, co, so)
				closeBoth(t, a, b)
				continue
			}
			client, server := shake(co, so)
			versions := fmt.Sprintf("worker-b has protocol version %d, worker-a has %d;", c.server, c.client)
			checkError(t, client, ErrRefused, "with worker-b (pipe)", "refused by it: "+versions)
			checkError(t, server, ErrRefused, "with worker-a (pipe)", "refused: "+versions)
		}
	})
}

// TestStrangers: whoever speaks another protocol, or nothing, is named by address.
func TestStrangers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for name, c := range map[string]struct {
			says string
			want string
		}{
			"http":   {"GET / HTTP/1.1\r\n\r\n", `begins with "GET / HT"`},
			"short":  {"no", `begins with "no"`},
			"gone":   {"", "EOF"},
			"half":   {"flottwir\x01", "unexpected EOF"},
			"long":   {"flottwir\x01\x00\x00\x00\xff\xff\xff\xff\x00\x00\x00\x00", "name of 4294967295"},
			"damage": {"flottwir\x01\x00\x00\x00\x01\x00\x00\x00\x00\x00\x00\x00xchecksum", "checksum"},
		} {
			for side, open := range map[string]func(net.Conn, Options) (*Conn, error){"client": Client, "server": Server} {
				x, y := pipes()
				go io.Copy(io.Discard, y)
				go func() {
					io.WriteString(y, c.says)
					y.Close()
				}()
				_, err := open(x, options("worker-a"))
				if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "with pipe") {
					t.Errorf("%s, %s: error %v, want %q", name, side, err, c.want)
				}
			}
		}
		x, y := pipes()
		began := time.Now()
		_, err := Server(x, options("worker-a"))
		var timeout net.Error
		if !errors.As(err, &timeout) || !timeout.Timeout() || time.Since(began) != 10*time.Second {
			t.Errorf("error %v after %v, want a timeout after 10s", err, time.Since(began))
		}
		y.Close()
	})
}

func TestOptions(t *testing.T) {
	x, _ := pipes()
	_, err := Client(x, Options{
		Hello: make([]byte, payloadBytesMax+1), MessageBytesMax: 2 << 30, HandshakeTimeout: -1,
		Heartbeat: time.Second, Timeout: time.Second,
	})
	for _, want := range []string{"Name", "Hello", "MessageBytesMax", "HandshakeTimeout", "Timeout is 1s"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not have %q", err, want)
		}
	}
	if _, err := x.Write(nil); err == nil {
		t.Error("the net.Conn is still open")
	}
}

// TestIdle: heartbeats keep a connection without messages alive.
func TestIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t)
		time.Sleep(time.Hour)
		if err := errors.Join(a.Err(), b.Err()); err != nil {
			t.Fatal(err)
		}
		closeBoth(t, a, b)
	})
}

// gap is a net.Conn whose other side may stop to exist without a trace: what is written is lost or, as
// when buffers are full, not taken; what is read never comes.
type gap struct {
	net.Conn
	open   chan struct{} // closed when the other side stops
	full   bool
	closed chan struct{}
}

func (g *gap) Read(p []byte) (int, error) {
	n, err := g.Conn.Read(p)
	select {
	case <-g.open:
		<-g.closed
		return 0, net.ErrClosed
	default:
	}
	return n, err
}

func (g *gap) Write(p []byte) (int, error) {
	select {
	case <-g.open:
	default:
		return g.Conn.Write(p)
	}
	if g.full {
		<-g.closed
		return 0, net.ErrClosed
	}
	return len(p), nil
}

func (g *gap) Close() error {
	close(g.closed)
	return g.Conn.Close()
}

// TestSilent: a peer that is half open or stopped is dead after the timeout, for all channels at once.
func TestSilent(t *testing.T) {
	for _, full := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			x, y := pipes()
			g := &gap{Conn: x, open: make(chan struct{}), full: full, closed: make(chan struct{})}
			a, b := connect(t, g, y, options("worker-a"), options("worker-b"))
			wakes := 0
			s := sender(t, a, 1, func() { wakes++ })
			in := newInbox()
			receiver(t, a, 2, 100, in)
			if s.Room() {
				t.Error("there is room without credit")
			}
			time.Sleep(time.Minute + time.Second) // the last heartbeat has come a second ago
			close(g.open)
			began := time.Now()
			<-a.Done()
			if took := time.Since(began); took < 9*time.Second || took > 11*time.Second {
				t.Errorf("dead after %v", took)
			}
			checkError(t, a.Err(), ErrSilent, "worker-b", "10s")
			if len(in.failures()) != 1 || in.failures()[0] != a.Err() || wakes != 1 {
				t.Errorf("failures %v, %d wakes", in.failures(), wakes)
			}
			if _, err := s.Send(0, text("late")); err != a.Err() || !s.Room() {
				t.Errorf("error %v, room %v", err, s.Room())
			}
			<-b.Done() // it has heard nothing either
			checkError(t, b.Err(), b.Err(), "worker-a")
		})
	}
}

// unwritable is a net.Conn that can only be read from some time on.
type unwritable struct {
	net.Conn
	from chan struct{}
}

var errUnwritable = errors.New("cannot write")

func (u *unwritable) Write(p []byte) (int, error) {
	select {
	case <-u.from:
		return 0, errUnwritable
	default:
		return u.Conn.Write(p)
	}
}

// TestCannotWrite: when a write fails, what the other side has sent still comes, but for a heartbeat at
// most.
func TestCannotWrite(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, y := pipes()
		u := &unwritable{Conn: x, from: make(chan struct{})}
		a, b := connect(t, u, y, options("worker-a"), options("worker-b"))
		in := newInbox()
		receiver(t, a, 1, 1000, in)
		sa, sb := sender(t, a, 2, nil), sender(t, b, 1, nil)
		synctest.Wait()
		close(u.from)
		sendUrgent(t, sa, 0, text("waits for credit"))
		receiver(t, b, 2, 1000, newInbox())
		synctest.Wait()
		send(t, sb, 0, text("still comes"))
		synctest.Wait()
		checkTexts(t, in.texts(), "still comes")
		began := time.Now()
		<-a.Done()
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("lost after %v, want 2s", took)
		}
		checkError(t, a.Err(), errUnwritable, "worker-b")
		checkError(t, a.Err(), ErrLost)
		<-b.Done()
	})
}

// TestTakesNothing: a peer that beats but does not read is dead as well.
func TestTakesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, r := against(t, options("worker-a"))
		began := time.Now()
		beats := make(chan struct{})
		go func() {
			defer close(beats)
			for a.Err() == nil {
				r.send(header{kind: heartbeat}, nil)
				time.Sleep(time.Second)
			}
		}()
		<-a.Done()
		// Its first heartbeat, after two seconds, gets nowhere.
		if took := time.Since(began); took < 10*time.Second || took > 14*time.Second {
			t.Errorf("dead after %v", took)
		}
		checkError(t, a.Err(), ErrSilent, "worker-b", "takes nothing")
		<-beats
	})
}

// TestCloseFlushes: everything that was queued on either side comes before the end, also what needs
// credit first.
func TestCloseFlushes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t)
		inA, inB := newInbox(), newInbox()
		ra := receiver(t, a, 1, 1, inA)
		rb := receiver(t, b, 1, 1, inB)
		sa, sb := sender(t, a, 1, nil), sender(t, b, 1, nil)
		for _, s := range []*Sender{sa, sb} {
			for _, m := range []string{"one", "two", "three"} {
				send(t, s, 0, text(m))
			}
		}
		closed := make(chan error)
		go func() { closed <- a.Close(context.Background()) }()
		synctest.Wait()
		for _, s := range []*Sender{sa, sb} {
			if _, err := s.Send(0, text("late")); !errors.Is(err, ErrClosed) && s == sa {
				t.Errorf("error %v after Close", err)
			}
		}
		checkTexts(t, inB.texts(), "one")
		checkTexts(t, inA.texts(), "one")
		for range 100 {
			ra.Grant(3 + Overhead)
			rb.Grant(3 + Overhead)
			synctest.Wait()
		}
		checkTexts(t, inB.texts(), "two", "three")
		checkTexts(t, inA.texts(), "two", "three", "late")
		if err := <-closed; err != nil {
			t.Error(err)
		}
		<-b.Done()
		if err := a.Err(); strings.Contains(err.Error(), "by it") {
			t.Errorf("error %v, but it was this side", err)
		}
		checkError(t, b.Err(), ErrClosed, "worker-a", "closed by it")
		checkError(t, inB.failures()[0], ErrClosed, "worker-a")
		if _, err := b.NewSender(5, nil); err != b.Err() {
			t.Errorf("error %v, want %v", err, b.Err())
		}
		if _, err := b.NewReceiver(5, 1, inB); err != b.Err() {
			t.Errorf("error %v, want %v", err, b.Err())
		}
	})
}

// TestCloseDeadline: what cannot be sent does not hold a connection up for ever, on neither side.
func TestCloseDeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t)
		send(t, sender(t, a, 1, nil), 0, text("nobody wants it"))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		began := time.Now()
		checkError(t, a.Close(ctx), context.DeadlineExceeded, "worker-b", "1 messages are not sent")
		if took := time.Since(began); took != time.Minute {
			t.Errorf("closed after %v", took)
		}
		<-b.Done()

		a, b = pair(t)
		send(t, sender(t, b, 1, nil), 0, text("nobody wants it"))
		if err := a.Close(t.Context()); err == nil {
			t.Error("the other side could not flush, and there is no error")
		}
		<-b.Done()
		if err := b.Err(); !strings.Contains(err.Error(), "1 messages are not sent: it closed 10s ago") {
			t.Error(err)
		}
	})
}

// TestCloseAfterStop: a close does not wait for what nobody wants any more.
func TestCloseAfterStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t)
		r := receiver(t, b, 1, 1, newInbox())
		s := sender(t, a, 1, nil)
		send(t, s, 0, text("takes the window"))
		send(t, s, 0, text("waits"))
		synctest.Wait()
		began := time.Now()
		closed := make(chan error)
		go func() { closed <- a.Close(t.Context()) }()
		synctest.Wait()
		r.Close()
		if err := <-closed; err != nil || time.Since(began) != 0 {
			t.Errorf("closed after %v: %v", time.Since(began), err)
		}
		<-b.Done()
	})
}

// TestAbort: the cause is the error of all channels.
func TestAbort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t)
		in := newInbox()
		receiver(t, a, 1, 100, in)
		cause := errors.New("attempt 3 is over")
		a.Abort(cause)
		<-a.Done()
		<-b.Done()
		checkError(t, a.Err(), cause, "worker-b")
		checkError(t, in.failures()[0], cause)
		checkError(t, a.Close(t.Context()), cause)
		checkError(t, b.Err(), ErrLost, "worker-a", "lost")
	})
}

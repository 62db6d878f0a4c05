package wire

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"runtime"
	"runtime/debug"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// authority signs certificates of tests.
type authority struct {
	t    testing.TB
	key  *ecdsa.PrivateKey
	cert *x509.Certificate
	pool *x509.CertPool
}

func newAuthority(t testing.TB) *authority {
	a := &authority{t: t, pool: x509.NewCertPool()}
	a.key = a.newKey()
	a.cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true,
	}
	signed, err := x509.CreateCertificate(rand.Reader, a.cert, a.cert, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(signed); err != nil {
		t.Fatal(err)
	}
	a.pool.AddCert(a.cert)
	return a
}

func (a *authority) newKey() *ecdsa.PrivateKey {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	return key
}

// config is that of one side, which wants a certificate of the other.
func (a *authority) config(name string) *tls.Config {
	key := a.newKey()
	cert := &x509.Certificate{
		SerialNumber: big.NewInt(2), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{name},
	}
	signed, err := x509.CreateCertificate(rand.Reader, cert, a.cert, &key.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	return &tls.Config{
		Certificates: []tls.Certificate{{Certificate: [][]byte{signed}, PrivateKey: key}},
		RootCAs:      a.pool, ServerName: "worker-b",
		ClientCAs: a.pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}
}

// overTLS returns both ends of a connection over loopback with mutual TLS.
func overTLS(t testing.TB) (net.Conn, net.Conn) {
	a, b := tcp(t)
	auth := newAuthority(t)
	return tls.Client(a, auth.config("worker-a")), tls.Server(b, auth.config("worker-b"))
}

// TestNetwork sends over real connections, in both directions at once, messages of all lengths, and
// closes while some are still queued.
func TestNetwork(t *testing.T) {
	for name, dial := range map[string]func(testing.TB) (net.Conn, net.Conn){
		"tcp": tcp, "tls": overTLS, "pipe": func(testing.TB) (net.Conn, net.Conn) { return net.Pipe() },
	} {
		for _, compress := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				x, y := dial(t)
				o := options("worker-a")
				o.Compress = compress
				a, b := connect(t, x, y, o, options("worker-b"))
				var wg sync.WaitGroup
				wg.Go(func() { exchange(t, a, b) })
				wg.Go(func() { exchange(t, b, a) })
				wg.Wait()
				last := newInbox()
				receiver(t, b, 99, 1, last)
				s := sender(t, a, 99, nil)
				sendUrgent(t, s, 0, text("last words"))
				// Each side closes as if it were the only one.
				closeBoth(t, a, b)
				checkTexts(t, last.texts(), "last words")
				checkError(t, a.Err(), ErrClosed, "worker-b", x.RemoteAddr().String())
			})
		}
	}
}

// exchange sends messages on some channels and checks what comes.
func exchange(t *testing.T, from, to *Conn) {
	var wg sync.WaitGroup
	for id := range ChannelID(4) {
		in := newInbox()
		r := receiver(t, to, id, 50_000, in)
		room := make(chan struct{}, 1)
		s := sender(t, from, id, func() {
			select {
			case room <- struct{}{}:
			default:
			}
		})
		const count = 300
		length := func(i int) int { return i * i * i % 70_001 }
		wg.Go(func() {
			for i := range count {
				b := NewBuffer(length(i))
				b.B = append(b.B, bytes.Repeat([]byte{byte(i)}, length(i))...)
				ok, err := s.Send(byte(i), b)
				if err != nil {
					t.Error(err)
					return
				}
				for ; !ok; ok = s.Room() {
					<-room
				}
			}
		})
		wg.Go(func() {
			for i := 0; i < count; {
				<-in.news
				for _, err := range in.failures() {
					t.Error(err)
					return
				}
				for _, m := range in.take() {
					if want := strings.Repeat(string([]byte{byte(i)}), length(i)); string(m.Buffer.B) != want {
						t.Errorf("message %d is of %d bytes, want %d", i, len(m.Buffer.B), len(want))
					}
					m.Buffer.Free()
					r.Grant(m.Cost)
					i++
				}
			}
		})
	}
	wg.Wait()
}

// TestKilled: a process that dies takes its connections with it, in the midst of a message.
func TestKilled(t *testing.T) {
	x, y := tcp(t)
	a, r := againstOn(t, x, y, options("worker-a"))
	in := newInbox()
	receiver(t, a, 1, 1000, in)
	r.next() // the credit
	f := r.frame(nil, header{kind: message, channel: 1}, []byte("whole"))
	f = r.frame(f, header{kind: message, channel: 1}, []byte("cut"))
	r.nc.Write(f[:len(f)-1])
	checkTexts(t, in.wait(1), "whole")
	r.nc.(*net.TCPConn).SetLinger(0)
	r.nc.Close()
	<-a.Done()
	if len(in.failures()) != 1 {
		t.Errorf("failures %v", in.failures())
	}
	checkError(t, a.Err(), ErrLost, "worker-b", x.RemoteAddr().String(), "reset")
}

// TestHalfClose: a side that has said and heard bye goes on reading until the other one has closed, since
// what it had not read would reset the connection.
func TestHalfClose(t *testing.T) {
	x, y := tcp(t)
	a, r := againstOn(t, x, y, options("worker-a"))
	closed := make(chan error)
	go func() { closed <- a.Close(context.Background()) }()
	if h, _ := r.next(); h.kind != bye {
		t.Fatalf("kind %d, want bye", h.kind)
	}
	r.send(header{kind: bye}, nil)
	for range 3 {
		if _, err := y.Read(make([]byte, 1)); err != io.EOF {
			t.Fatalf("error %v, want the end", err)
		}
		r.send(header{kind: heartbeat}, nil)
		select {
		case err := <-closed:
			t.Fatalf("closed before the other side: %v", err)
		default:
		}
	}
	y.Close()
	if err := <-closed; err != nil {
		t.Error(err)
	}
}

// TestAbortTLS: a connection is cut at once, also when the other side does not read.
func TestAbortTLS(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		x, y := net.Pipe()
		auth := newAuthority(t)
		y = tls.Server(y, auth.config("worker-b"))
		a, _ := againstOn(t, tls.Client(x, auth.config("worker-a")), y, options("worker-a"))
		began := time.Now()
		cause := errors.New("attempt 3 is over")
		a.Abort(cause)
		<-a.Done()
		if took := time.Since(began); took != 0 {
			t.Errorf("cut after %v", took)
		}
		checkError(t, a.Err(), cause)
		y.Close()
	})
}

// TestAllocations: a message costs none on the way.
func TestAllocations(t *testing.T) {
	if raceOn {
		t.Skip("pools drop some of what they are given")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // it empties the pools
	for _, compress := range []bool{false, true} {
		for _, size := range []int{1 << 10, 32 << 10} {
			x, y := tcp(t)
			o := options("worker-a")
			o.Compress = compress
			a, b := connect(t, x, y, o, options("worker-b"))
			f := newFlow(t, a, b, size)
			f.run(20_000)
			const messages = 20_000
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			f.run(messages)
			runtime.ReadMemStats(&after)
			if per := float64(after.Mallocs-before.Mallocs) / messages; per > 0.05 {
				t.Errorf("%.3f allocations for a message of %d bytes, compressed %v", per, size, compress)
			}
			if err := a.Close(context.Background()); err != nil {
				t.Error(err)
			}
			<-b.Done()
		}
	}
}

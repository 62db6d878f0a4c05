package wire

import (
	"fmt"
	"math/rand/v2"
	"net"
	"testing"

	"github.com/flott-dev/flott/internal/cputime"
)

// flow sends messages of one size from a producer to a consumer that drops them.
type flow struct {
	t      testing.TB
	data   []byte
	s      *Sender
	r      *Receiver
	room   chan struct{}
	number int // of messages that are to come until it is done
	done   chan struct{}
}

func newFlow(t testing.TB, from, to *Conn, size int) *flow {
	f := &flow{t: t, data: rows(size), room: make(chan struct{}, 1), done: make(chan struct{})}
	f.s = sender(t, from, 1, func() {
		select {
		case f.room <- struct{}{}:
		default:
		}
	})
	f.r = receiver(t, to, 1, 1<<20, f)
	return f
}

// Message deals with a message at once.
func (f *flow) Message(m Message) {
	m.Buffer.Free()
	f.r.Grant(m.Cost)
	if f.number--; f.number == 0 {
		f.done <- struct{}{}
	}
}

func (f *flow) Failed(error) {}

// run sends n messages and waits until they have come.
func (f *flow) run(n int) {
	f.number = n
	for range n {
		b := NewBuffer(len(f.data))
		b.B = append(b.B, f.data...)
		for room := send(f.t, f.s, 1, b); !room; room = f.s.Room() {
			<-f.room
		}
	}
	<-f.done
}

// rows are rows of 100 bytes that look a little alike, as those of a batch do.
func rows(size int) []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	var b []byte
	for i := 0; len(b) < size; i++ {
		b = fmt.Appendf(b, "%08d %08x channel-%04d https://shop.example/%016x/item.htm?query=1 %016x     ",
			i, rng.Uint32()&0xfff, rng.IntN(10_000), rng.Uint64(), rng.Uint32())
	}
	return b[:size]
}

// BenchmarkConn sends messages over loopback: both ends, the copy into the buffer at one and the
// credits included.
func BenchmarkConn(b *testing.B) {
	for _, size := range []int{1 << 10, 32 << 10} {
		for _, c := range []struct {
			name     string
			dial     func(testing.TB) (net.Conn, net.Conn)
			compress bool
		}{
			{"tcp", tcp, false},
			{"tcp-s2", tcp, true},
			{"tls", overTLS, false},
			{"tls-s2", overTLS, true},
		} {
			b.Run(fmt.Sprintf("%dKB/%s", size>>10, c.name), func(b *testing.B) {
				o := options("worker-a")
				o.Compress = c.compress
				x, y := c.dial(b)
				from, to := connect(b, x, y, o, options("worker-b"))
				f := newFlow(b, from, to, size)
				f.run(100)
				b.ReportAllocs()
				b.SetBytes(int64(size))
				before := cputime.Process()
				b.ResetTimer()
				f.run(b.N)
				b.StopTimer()
				cpu := float64(cputime.Process() - before)
				b.ReportMetric(cpu/float64(b.N), "cpu-ns/op")
				b.ReportMetric(float64(size)*float64(b.N)/cpu, "GB/cpu-s")
				b.ReportMetric(cpu/float64(b.N)*100/float64(size), "cpu-ns/row")
				if err := from.Close(b.Context()); err != nil {
					b.Fatal(err)
				}
				<-to.Done()
			})
		}
	}
}

package result

import (
	"math/rand/v2"
	"net"
	"testing"
	"testing/synctest"
)

// TestSlowConsumer: to a consumer that takes nothing comes a window and a block, and all the rest when it does.
func TestSlowConsumer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := serve(t, func(testing.TB) (net.Conn, net.Conn) { return net.Pipe() })
		want := fill(t, rand.New(rand.NewPCG(6, 1)), s.dir.Job(job), 7, 1, 4000)
		f := s.client.Fetch(job, about(7), 0).(*fetch)
		news := make(chan struct{}, 1)
		f.Start(func() { news <- struct{}{} })
		synctest.Wait()
		bytes := 0
		for _, m := range f.mu.queue {
			bytes += m.Cost
		}
		if bytes < fetchWindow || bytes > fetchWindow+2*blockBytes {
			t.Errorf("%d bytes have come, with a window of %d", bytes, fetchWindow)
		}
		other, err := drain(s.client.Fetch(job, about(7), 0))
		if err != nil || !samePieces(other, want[0]) {
			t.Errorf("it stops another consumer: %v", err)
		}
		f.Close()
		synctest.Wait()
		s.close(t) // which waits for what was being sent
	})
}

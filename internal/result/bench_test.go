package result

import (
	"math/rand/v2"
	"testing"

	"github.com/flott-dev/flott/internal/cputime"
)

// BenchmarkServe reads a part of 64 MiB: here, and over a connection, both ends of which are in this process. It
// reports bytes of the file, and of what is in it, for each second of CPU.
func BenchmarkServe(b *testing.B) {
	s := serve(b, loopback)
	defer s.close(b)
	w := NewWriter(s.dir.Job(job), about(7), 1)
	rng, piece, size := rand.New(rand.NewPCG(7, 1)), make([]byte, 32<<10), 0
	for ; size < 64<<20; size += len(piece) {
		for i := range piece { // half of it is noise
			piece[i] = 'x'
			if i%2 == 0 {
				piece[i] = byte(rng.Uint32())
			}
		}
		if err := w.Put(0, piece); err != nil {
			b.Fatal(err)
		}
	}
	if err := w.End(0); err != nil {
		b.Fatal(err)
	}
	for _, c := range []struct {
		name   string
		source func() Source
	}{
		{"here", func() Source { return Local(s.dir.Job(job), about(7), 0) }},
		{"served", func() Source { return s.client.Fetch(job, about(7), 0) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(size))
			before := cputime.Process()
			news := make(chan struct{}, 1)
			for b.Loop() {
				source := c.source()
				source.Start(func() { news <- struct{}{} })
				for got := 0; got < size; {
					block, err := source.Next()
					if err == ErrWait {
						<-news
						continue
					}
					if err != nil {
						b.Fatal(err)
					}
					got += len(block)
				}
				source.Close()
			}
			cpu := float64(cputime.Process() - before)
			b.ReportMetric(float64(w.off)*float64(b.N)/cpu, "file-GB/cpu-s")
			b.ReportMetric(float64(size)*float64(b.N)/cpu, "GB/cpu-s")
		})
	}
}

package exchange

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/result"
	"github.com/flott-dev/flott/internal/wire"
)

// TestResults has producers of two inputs send random rows by channels within the process and into results. What a
// gate gives of those is the same, whether it reads the files or has them served.
func TestResults(t *testing.T) {
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 4))
		dir, err := result.OpenDir(t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		x, y := overTCP(t)
		p := connectOver(t, x, y, wire.Options{})
		server, err := result.Serve(dir, p.b)
		if err != nil {
			t.Fatal(err)
		}
		client, err := result.NewClient(p.a)
		if err != nil {
			t.Fatal(err)
		}
		edge := rowEdge(t)
		spill := &Spill{Bytes: 1 << 10, SortBytes: 1 << (8 + rng.IntN(10))}
		news := make(chan struct{}, 1)
		wake := func() { signal(news) }
		gates := []*BatchGate{NewBatchGate(2, spill, wake), NewBatchGate(2, spill, wake), NewBatchGate(2, spill, wake)}
		modes := [][2]bool{{true, false}, {false, true}, {false, false}} // sorted, broadcast
		for input := range 2 {
			mode := modes[rng.IntN(len(modes))]
			for producer := range 1 + rng.IntN(3) {
				about := result.Error{ID: result.ID{Deployment: 1, Edge: input, Subtask: producer}}
				const parts = 3
				part := rng.IntN(parts)
				channels := NewResult(edge, result.NewWriter(dir.Job("job"), about, parts))
				to := []*Channel{gates[0].NewChannel(input, edge, mode[0], mode[1]), channels[part]}
				for range rng.IntN(20) {
					b := rowBatch(batch.NewPool[record](0), randomRecords(rng)...)
					for _, c := range to {
						c.Send(b.Ref())
					}
					b.Release()
				}
				for _, c := range append(channels, to[0]) {
					c.Control(operator.Control{Kind: operator.EndOfInput, Input: -1})
				}
				gates[1].AddResult(input, edge, mode[0], mode[1], result.Local(dir.Job("job"), about, part))
				gates[2].AddResult(input, edge, mode[0], mode[1], client.Fetch("job", about, part))
			}
		}
		want := pollBatch(gates[0], news)
		for i, g := range gates[1:] {
			if got := pollBatch(g, news); !slices.Equal(got, want) {
				t.Fatalf("seed %d, gate %d: %q, want %q", seed, i+1, got, want)
			}
			g.Discard()
		}
		gates[0].Discard()
		p.close(t)
		server.Wait()
		if err := errors.Join(dir.Close(), spill.Close()); err != nil {
			t.Error(err)
		}
	}
}

func randomRecords(rng *rand.Rand) []record {
	rows := make([]record, rng.IntN(50))
	for i := range rows {
		rows[i] = record{Key: fmt.Sprint("k", rng.IntN(20)), Time: rng.Int64N(100), N: rng.Int()}
	}
	return rows
}

// pollBatch is all that a gate gives, a row or a control element each.
func pollBatch(g *BatchGate, news <-chan struct{}) (out []string) {
	for {
		e, ok := g.Poll()
		switch {
		case !ok && g.done:
			return out
		case !ok:
			<-news
		case e.Batch != nil:
			b := e.Batch.(*batch.Rows[record])
			for i, v := range b.Vals {
				out = append(out, fmt.Sprint(e.Input, b.Times[i], v))
			}
			b.Release()
		case e.Control.Kind != 0:
			out = append(out, fmt.Sprint(e.Control))
		}
	}
}

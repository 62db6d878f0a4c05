package queries

import (
	"sync"

	"github.com/zeebo/xxh3"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/nexmark"
	"github.com/flott-dev/flott/stream"
)

// Probe is the sink of a measured job. It reads every byte of every column into a checksum that
// does not depend on the order of the rows. If Hash is set, it also computes the hash of the final
// result as the benchmark of other engines does, which costs more than many queries.
type Probe struct {
	Hash bool

	mu     sync.Mutex
	result Output
	hash   nexmark.Hash
	final  map[int64]uint64 // hashes by key, of queries that update rows
}

// Output is what came out of a job.
type Output struct {
	Rows     int64
	Checksum uint64
	// Counted is the sum of a count column, for results that depend on the clock.
	Counted int64
}

// Output is what came out; the job must have ended.
func (p *Probe) Output() Output {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.result
}

// FinalHash is the hash of the final result, "" when it was not asked for.
func (p *Probe) FinalHash() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.Hash {
		return ""
	}
	for _, h := range p.final {
		p.hash.Add(h)
	}
	p.final = nil
	return p.hash.String()
}

// rowOf says how rows of a type are read.
type rowOf[R any] struct {
	hash  func(h *nexmark.Hash, r *R)
	sum   func(r *R) uint64
	key   func(r *R) int64 // of a row that replaces the one before; nil for insert-only results
	count func(r *R) int64
}

func sink[R any](s *stream.Stream[R], p *Probe, row rowOf[R]) {
	s.To(probeSink[R]{p, row})
}

type probeSink[R any] struct {
	probe *Probe
	row   rowOf[R]
}

func (s probeSink[R]) Writer(connect.WriterContext, [][]byte) (connect.Writer[R], error) {
	w := &probeWriter[R]{probeSink: s}
	if s.row.key != nil && s.probe.Hash {
		w.final = map[int64]uint64{}
	}
	return w, nil
}

type probeWriter[R any] struct {
	probeSink[R]
	out   Output
	hash  nexmark.Hash
	final map[int64]uint64
}

func (w *probeWriter[R]) Write(records []R, _ []int64) error {
	w.out.Rows += int64(len(records))
	for i := range records {
		w.out.Checksum += w.row.sum(&records[i])
	}
	if w.row.count != nil {
		for i := range records {
			w.out.Counted += w.row.count(&records[i])
		}
	}
	if !w.probe.Hash {
		return nil
	}
	for i := range records {
		r := &records[i]
		if w.row.key == nil {
			w.row.hash(&w.hash, r)
			w.hash.Insert()
			continue
		}
		w.row.hash(&w.hash, r)
		w.hash.Insert()
		w.final[w.row.key(r)] = w.hash.Take()
	}
	return nil
}

func (w *probeWriter[R]) Flush(endOfInput bool) error {
	if !endOfInput {
		return nil
	}
	p := w.probe
	p.mu.Lock()
	defer p.mu.Unlock()
	p.result.Rows += w.out.Rows
	p.result.Checksum += w.out.Checksum
	p.result.Counted += w.out.Counted
	p.hash.Merge(&w.hash)
	for k, h := range w.final {
		if p.final == nil {
			p.final = map[int64]uint64{}
		}
		p.final[k] = h
	}
	return nil
}

func (w *probeWriter[R]) Snapshot() ([]byte, error) { return nil, nil }
func (w *probeWriter[R]) Close() error              { return nil }

// mix folds a number into a checksum.
func mix(h uint64, v int64) uint64 {
	h = (h ^ uint64(v)) * 0x9e3779b97f4a7c15
	return h ^ h>>32
}

// textSum is the checksum of a string.
func textSum(s string) uint64 { return xxh3.HashString(s) }

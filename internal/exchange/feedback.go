package exchange

import (
	"encoding/binary"
	"errors"
	"os"
	"sync"

	"github.com/klauspost/compress/s2"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
)

// DefaultFeedbackBytes is what a feedback channel keeps in memory.
const DefaultFeedbackBytes = 64 << 20

// Overflow keeps batches of a feedback channel on disk, since such a channel must not block its
// producer: what waits for the head of a loop may exceed the memory. The queue keeps their order;
// only the rows go.
type Overflow interface {
	// Put encodes b and releases it.
	Put(b batch.Any) (piece, error)
	// Take decodes a batch that was put.
	Take(p piece) (batch.Any, error)
	// Close gives everything up.
	Close()
}

// piece is a place in an Overflow.
type piece struct {
	offset int64
	size   int
}

// overflow writes pieces one behind the other, and begins the file anew when all were taken. The
// producer puts, the consumer takes.
type overflow[T any] struct {
	spill *Spill
	codec *codec.Codec[T]
	pool  *batch.Pool[T]
	mu    struct {
		sync.Mutex
		file   *os.File
		end    int64
		pieces int // not taken
		closed bool
	}
	plain, packed []byte // of the producer
	buf, raw      []byte // of the consumer
}

func (o *overflow[T]) Put(b batch.Any) (piece, error) {
	rows := b.(*batch.Rows[T])
	defer rows.Release()
	o.plain = o.plain[:0]
	for i := range rows.Vals {
		o.plain = o.codec.Append(binary.AppendVarint(o.plain, rows.Times[i]), &rows.Vals[i])
	}
	o.packed = s2.Encode(o.packed[:cap(o.packed)], o.plain)
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.mu.closed {
		return piece{}, &SpillError{"write feedback", errors.New("the loop has ended")}
	}
	if o.mu.file == nil {
		f, err := o.spill.file()
		if err != nil {
			return piece{}, err
		}
		o.mu.file = f
	}
	if o.mu.pieces == 0 {
		o.mu.end = 0
	}
	p := piece{o.mu.end, len(o.packed)}
	if _, err := o.mu.file.WriteAt(o.packed, p.offset); err != nil {
		return p, &SpillError{"write " + o.mu.file.Name(), err}
	}
	o.mu.end += int64(p.size)
	o.mu.pieces++
	return p, nil
}

func (o *overflow[T]) Take(p piece) (batch.Any, error) {
	if cap(o.buf) < p.size {
		o.buf = make([]byte, p.size)
	}
	o.buf = o.buf[:p.size]
	o.mu.Lock()
	_, err := o.mu.file.ReadAt(o.buf, p.offset)
	o.mu.pieces--
	o.mu.Unlock()
	if err == nil {
		o.raw, err = s2.Decode(o.raw[:cap(o.raw)], o.buf)
	}
	b := o.pool.Get()
	for data := o.raw; err == nil && len(data) > 0; {
		t, n := binary.Varint(data)
		var v T
		if data, err = o.codec.Decode(data[max(0, n):], &v); err == nil {
			b.Add(v, t)
		}
	}
	if err != nil {
		b.Release()
		return nil, &SpillError{"read feedback", err}
	}
	return b, nil
}

func (o *overflow[T]) Close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.mu.closed = true
	if o.mu.file != nil {
		o.mu.file.Close()
		os.Remove(o.mu.file.Name())
		o.mu.file = nil
	}
}

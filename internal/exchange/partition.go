package exchange

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/spill"
)

// Partition is the content of one channel of a blocking exchange: first written by the producer,
// then, after its end, read by the consumer.
type Partition interface {
	// Add encodes the rows of b, and releases it.
	Add(b batch.Any) error
	// End ends writing.
	End() error
	// Next decodes the next batch; nil is the end.
	Next() (batch.Any, error)
	// Close gives up what is left.
	Close()
}

// partition keeps batches as pieces: varint time and value for each row, behind their length.
type partition[T any] struct {
	spill  *Spill
	codec  *codec.Codec[T]
	pool   *batch.Pool[T]
	mem    []byte
	piece  []byte
	file   *spillWriter
	name   string
	reader *spillReader
}

func (p *partition[T]) Add(b batch.Any) error {
	rows := b.(*batch.Rows[T])
	defer rows.Release()
	if len(rows.Vals) == 0 {
		return nil
	}
	p.piece = p.piece[:0]
	for i := range rows.Vals {
		p.piece = p.codec.Append(binary.AppendVarint(p.piece, rows.Times[i]), &rows.Vals[i])
	}
	if p.file == nil {
		before := cap(p.mem)
		p.mem = append(binary.AppendUvarint(p.mem, uint64(len(p.piece))), p.piece...)
		if p.spill.used.Add(int64(cap(p.mem)-before)) <= p.spill.budget() {
			return nil
		}
		return p.toFile()
	}
	var length [binary.MaxVarintLen64]byte
	if err := p.file.write(length[:binary.PutUvarint(length[:], uint64(len(p.piece)))]); err != nil {
		return err
	}
	return p.file.write(p.piece)
}

// toFile moves what is in memory to a file.
func (p *partition[T]) toFile() (err error) {
	if p.file, err = p.spill.create(); err != nil {
		return err
	}
	err = p.file.write(p.mem)
	p.freeMem()
	return err
}

func (p *partition[T]) freeMem() {
	p.spill.used.Add(-int64(cap(p.mem)))
	p.mem = nil
}

func (p *partition[T]) End() (err error) {
	p.piece = nil
	if p.file != nil {
		p.name, err = p.file.finish()
		p.file = nil
	}
	return err
}

func (p *partition[T]) Next() (batch.Any, error) {
	if p.reader == nil {
		p.reader = &spillReader{mem: p.mem}
		if p.name != "" {
			r, err := openSpill(p.name)
			if err != nil {
				return nil, err
			}
			p.reader = r
		}
	}
	piece, err := p.reader.next(p.piece)
	if err == io.EOF {
		p.Close()
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	if p.name != "" {
		p.piece = piece
	}
	b := p.pool.Get()
	for len(piece) > 0 {
		t, n := binary.Varint(piece)
		if n <= 0 {
			return nil, spill.Fail("read a temporary file", errors.New("a time is cut off"))
		}
		var v T
		if piece, err = p.codec.Decode(piece[n:], &v); err != nil {
			return nil, spill.Fail("read a temporary file", err)
		}
		b.Add(v, t)
	}
	return b, nil
}

func (p *partition[T]) Close() {
	if p.file != nil {
		p.name, _ = p.file.finish()
		p.file = nil
	}
	if p.reader != nil {
		p.reader.close()
		p.reader = &spillReader{}
	}
	if p.mem != nil {
		p.freeMem()
	}
}

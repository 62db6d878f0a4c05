package exchange

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/spill"
)

// Partition is the content of one channel of a blocking exchange within a process: first written by the
// producer, then, after its end, read by the consumer.
type Partition interface {
	partitionWriter
	partitionReader
}

type partitionWriter interface {
	// Add encodes the rows of b, and releases it.
	Add(b batch.Any) error
	// End ends writing.
	End() error
	// Close gives up what is left.
	Close()
}

type partitionReader interface {
	// Next decodes the next batch; nil is the end.
	Next() (batch.Any, error)
	// Close gives up what is left.
	Close()
}

// pieceForm is how the rows of a batch are kept.
type pieceForm interface {
	append(dst []byte, b batch.Any) []byte
	decode(piece []byte) (batch.Any, error)
}

// rowPieces is the pieceForm of rows: varint time and value for each.
type rowPieces[T any] struct {
	codec *codec.Codec[T]
	pool  *batch.Pool[T]
}

func (p *rowPieces[T]) append(dst []byte, b batch.Any) []byte {
	rows := b.(*batch.Rows[T])
	for i := range rows.Vals {
		dst = p.codec.Append(binary.AppendVarint(dst, rows.Times[i]), &rows.Vals[i])
	}
	return dst
}

func (p *rowPieces[T]) decode(piece []byte) (batch.Any, error) {
	b := p.pool.Get()
	for len(piece) > 0 {
		t, n := binary.Varint(piece)
		if n <= 0 {
			return nil, errors.New("a time is cut off")
		}
		var v T
		var err error
		if piece, err = p.codec.Decode(piece[n:], &v); err != nil {
			return nil, err
		}
		b.Add(v, t)
	}
	return b, nil
}

// partition keeps batches as pieces, behind their length.
type partition struct {
	spill  *Spill
	form   pieceForm
	mem    []byte
	piece  []byte
	file   *spill.Writer
	name   string
	reader *spill.Reader
}

func (p *partition) Add(b batch.Any) error {
	defer b.Release()
	if b.Len() == 0 {
		return nil
	}
	p.piece = p.form.append(p.piece[:0], b)
	if p.file == nil {
		before := cap(p.mem)
		p.mem = append(binary.AppendUvarint(p.mem, uint64(len(p.piece))), p.piece...)
		if p.spill.used.Add(int64(cap(p.mem)-before)) <= p.spill.budget() {
			return nil
		}
		return p.toFile()
	}
	return p.file.Put(p.piece)
}

// toFile moves what is in memory to a file.
func (p *partition) toFile() (err error) {
	if p.file, err = p.spill.Create(); err != nil {
		return err
	}
	err = p.file.Write(p.mem)
	p.freeMem()
	return err
}

func (p *partition) freeMem() {
	p.spill.used.Add(-int64(cap(p.mem)))
	p.mem = nil
}

func (p *partition) End() (err error) {
	p.piece = nil
	if p.file != nil {
		p.name, err = p.file.Finish()
		p.file = nil
	}
	return err
}

func (p *partition) Next() (batch.Any, error) {
	if p.reader == nil {
		p.reader = spill.ReadBytes(p.mem)
		if p.name != "" {
			r, err := spill.Open(p.name)
			if err != nil {
				return nil, err
			}
			p.reader = r
		}
	}
	piece, err := p.reader.Next(p.piece)
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
	b, err := p.form.decode(piece)
	if err != nil {
		return nil, spill.Fail("read a temporary file", err)
	}
	return b, nil
}

func (p *partition) Close() {
	if p.file != nil {
		p.name, _ = p.file.Finish()
		p.file = nil
	}
	if p.reader != nil {
		p.reader.Close()
		p.reader = &spill.Reader{}
	}
	if p.mem != nil {
		p.freeMem()
	}
}

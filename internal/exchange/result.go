package exchange

import (
	"io"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/result"
	"github.com/flott-dev/flott/internal/spill"
)

// NewResult returns the channels of a blocking exchange that fill the parts of a result, in their order.
// Their consumers run when it is complete: see BatchGate.AddResult.
func NewResult(edge EdgeType, w *result.Writer) []*Channel {
	form := edge.pieces()
	piece := new([]byte)
	channels := make([]*Channel, w.Parts())
	for i := range channels {
		channels[i] = &Channel{partition: &resultWriter{w, i, form, piece}, ended: func() {}}
	}
	return channels
}

// resultWriter writes one part of a result.
type resultWriter struct {
	to    *result.Writer
	part  int
	form  pieceForm
	piece *[]byte // of all parts
}

// Add writes the rows of b.
func (r *resultWriter) Add(b batch.Any) error {
	defer b.Release()
	if b.Len() == 0 {
		return nil
	}
	*r.piece = r.form.append((*r.piece)[:0], b)
	return r.to.Put(r.part, *r.piece)
}

// End ends the part.
func (r *resultWriter) End() error { return r.to.End(r.part) }

// Close gives all of the result up: no part is of use without the others.
func (r *resultWriter) Close() { r.to.Abandon() }

// resultReader reads one part of a result.
type resultReader struct {
	from   result.Source
	form   pieceForm
	block  *spill.Reader
	closed bool
}

// Next reads the next batch. The error is result.ErrWait when it has not come yet.
func (r *resultReader) Next() (batch.Any, error) {
	for {
		if r.block != nil {
			piece, err := r.block.Next(nil)
			if err == nil {
				return r.decode(piece)
			}
			r.block = nil
		}
		pieces, err := r.from.Next()
		if err == io.EOF {
			r.Close()
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		r.block = spill.ReadBytes(pieces)
	}
}

func (r *resultReader) decode(piece []byte) (batch.Any, error) {
	b, err := r.form.decode(piece)
	if err != nil {
		return nil, spill.Fail("read the result of a stage", err)
	}
	return b, nil
}

// Close gives up what is left.
func (r *resultReader) Close() {
	if !r.closed {
		r.closed = true
		r.from.Close()
	}
}

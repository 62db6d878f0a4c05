package exchange

import (
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/spill"
)

// DefaultFeedbackBytes is what a feedback channel keeps in memory.
const DefaultFeedbackBytes = 64 << 20

// Overflow keeps batches of a feedback channel on disk, since such a channel must not block its
// producer: what waits for the head of a loop may exceed the memory. The queue keeps their order;
// only the rows go. The producer puts, the consumer takes.
type Overflow interface {
	// Put encodes b and releases it.
	Put(b batch.Any) (spill.Piece, error)
	// Take decodes a batch that was put.
	Take(p spill.Piece) (batch.Any, error)
	// Close gives everything up.
	Close()
}

// overflow is a spill.Store of batches whose type the channel does not know.
type overflow[B batch.Carried[B]] struct{ *spill.Store[B] }

func (o overflow[B]) Put(b batch.Any) (spill.Piece, error) { return o.Store.Put(b.(B)) }

func (o overflow[B]) Take(p spill.Piece) (batch.Any, error) {
	b, err := o.Store.Take(p)
	if err != nil {
		return nil, err
	}
	return b, nil
}

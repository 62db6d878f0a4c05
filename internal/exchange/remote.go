package exchange

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/graph"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/wire"
)

// Remote is the channel of a connection by which a Channel leads from one process to another. All of it
// is required.
type Remote struct {
	Conn *wire.Conn
	ID   wire.ChannelID
	Edge EdgeType
	// Failed is called once when nothing more can come or go, unless this end was closed before, or has
	// received the end of the input: with a *wire.Error, which names the other process. It is called
	// on the goroutine of the connection, or of the task within Channel.Send or Control, and must not
	// block.
	Failed func(error)
}

// ChannelID is the number of a channel on the connection of its processes. deployment is given by who
// lays the job out, anew for each attempt of its tasks, since no number may be used twice; channel is
// what graph.Channels says.
func ChannelID(deployment, channel uint32) wire.ChannelID {
	return wire.ChannelID(deployment)<<32 | wire.ChannelID(channel)
}

func (r *Remote) check() error {
	if !r.Edge.Encodes() {
		return fmt.Errorf("channel %d is to lead to another process, and its type has no codec", r.ID)
	}
	return nil
}

// CheckRemote reports why the channels of an edge cannot lead from one process to another, nil if they
// can. blocking says that it is an exchange of batch mode.
func CheckRemote(e *graph.Edge, blocking bool) error {
	edge, ok := e.Type.(EdgeType)
	where := fmt.Sprintf("from %q to %q", e.From.Name, e.To.Name)
	switch {
	case !ok:
		return fmt.Errorf("edge %s has no type", where)
	case e.Strategy == graph.Feedback:
		return fmt.Errorf("the feedback %s cannot lead to another process: "+
			"both must run in the same one", where)
	case blocking:
		return fmt.Errorf("the blocking exchange %s cannot lead to another process: "+
			"run the job in streaming mode, or in one process", where)
	case !edge.Encodes():
		return fmt.Errorf("records %s cannot go to another process: their type has no codec; "+
			"use another type, or register a codec with stream.WithCodec", where)
	}
	return nil
}

// The kinds of messages. A batch is its number of rows, then EdgeType.AppendBatch; a control element
//
//	byte kind, byte flags, varint input, varint ID, varint created
//
// It comes in order. A barrier and an end come before that as an urgent message, too: the
// announcement of overtake.go.
const (
	batchMessage   = 1
	controlMessage = 2
)

func appendControl(dst []byte, c operator.Control) []byte {
	dst = append(dst, byte(c.Kind), byte(c.Flags))
	dst = binary.AppendVarint(dst, int64(c.Input))
	dst = binary.AppendVarint(dst, c.ID)
	return binary.AppendVarint(dst, c.Created)
}

var errControl = errors.New("malformed control element")

func parseControl(b []byte) (operator.Control, error) {
	if len(b) < 2 || b[0] == 0 || operator.ControlKind(b[0]) > operator.Wave {
		return operator.Control{}, errControl
	}
	c := operator.Control{Kind: operator.ControlKind(b[0]), Flags: operator.Flags(b[1])}
	var numbers [3]int64
	b = b[2:]
	for i := range numbers {
		v, n := binary.Varint(b)
		if n <= 0 {
			return c, errControl
		}
		numbers[i], b = v, b[n:]
	}
	if len(b) > 0 {
		return c, errControl
	}
	c.Input, c.ID, c.Created = int(numbers[0]), numbers[1], numbers[2]
	return c, nil
}

// parseBatch splits the message of a batch in its number of rows and the batch.
func parseBatch(b []byte) (rows int, data []byte, err error) {
	n, k := binary.Uvarint(b)
	if k <= 0 || n > math.MaxInt32 {
		return 0, nil, errors.New("malformed batch")
	}
	return int(n), b[k:], nil
}

// readBatch decodes what parseBatch has found.
func readBatch(read func([]byte) (batch.Any, error), rows int, data []byte) (batch.Any, error) {
	b, err := read(data)
	if err != nil {
		return nil, err
	}
	if n := b.Len(); n != rows {
		b.Release()
		return nil, fmt.Errorf("a batch of %d rows has %d", rows, n)
	}
	return b, nil
}

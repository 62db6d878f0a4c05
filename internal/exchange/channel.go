package exchange

import (
	"sync/atomic"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/operator"
)

// DefaultChannelBytes is how many bytes a channel may have in flight before its producer stops.
const DefaultChannelBytes = 512 << 10

// Channel carries batches from one subtask to another, in order.
type Channel struct {
	gate     *Gate // nil where there is none: of a blocking channel, or in another process
	index    int
	input    int
	feedback bool
	limit    int64
	inflight atomic.Int64
	starved  atomic.Bool // the producer waits for room
	wake     func()      // of the producer's task
	origin   Origin

	overflow Overflow // of a feedback channel

	partition partitionWriter // of a blocking channel
	ended     func()          // called at the end of a blocking channel

	out *outlet // of a channel to another process
	in  *inlet  // of a channel from another process
}

// SpillBeyond makes a feedback channel keep on disk what exceeds the budget.
func (c *Channel) SpillBeyond(s *Spill, edge EdgeType) {
	c.overflow, c.limit = edge.NewOverflow(s), s.feedbackBudget()
}

// SetProducer sets the function that wakes the producer's task when there is room again. It must be
// called before the first Send. NewRemoteChannel has its own.
func (c *Channel) SetProducer(wake func()) { c.wake = wake }

// MayOvertake lets unaligned barriers overtake what is in the channel, which is then part of the
// snapshot as coming from origin. It must be called before the first Send.
func (c *Channel) MayOvertake(origin Origin) {
	if origin.Edge != nil && origin.Edge.Encodes() {
		c.origin = origin
	}
}

// overtakes reports whether an unaligned barrier overtakes what is in the channel.
func (c *Channel) overtakes() bool { return c.origin.Edge != nil }

// Send queues a batch, which the channel owns from now on. It reports whether there is room for
// another.
func (c *Channel) Send(b batch.Any) bool {
	if c.gate == nil {
		return c.sendElsewhere(b)
	}
	n := int64(b.Bytes()) + 64
	if c.overflow != nil && c.inflight.Load() > c.limit && b.Len() > 0 {
		p, err := c.overflow.Put(b)
		if err != nil {
			panic(err)
		}
		c.gate.enqueue(element{channel: c, piece: p})
		return true
	}
	c.inflight.Add(n)
	c.gate.enqueue(element{channel: c, batch: b, bytes: n})
	return c.Room()
}

// sendElsewhere is Send where there is no gate.
func (c *Channel) sendElsewhere(b batch.Any) bool {
	if c.out != nil {
		return c.out.send(b)
	}
	if err := c.partition.Add(b); err != nil {
		panic(err)
	}
	return true
}

// Control queues a control element. It needs no room.
func (c *Channel) Control(ctl operator.Control) {
	switch {
	case c.gate != nil:
		if c.gate.hastens(ctl) {
			c.gate.announce(c, ctl)
		}
		c.gate.enqueue(element{channel: c, control: ctl})
	case c.out != nil:
		c.out.control(ctl)
	case ctl.Kind == operator.EndOfInput && c.ended != nil:
		if err := c.partition.End(); err != nil {
			panic(err)
		}
		c.ended()
		c.ended = nil
	}
}

// Abandon tells that the producer sends nothing more: it gives up a blocking channel that has not ended,
// and closes one to another process.
func (c *Channel) Abandon() {
	switch {
	case c.out != nil:
		c.out.close()
	case c.partition != nil && c.ended != nil:
		c.partition.Close()
	}
}

// Room reports whether the channel can take another batch; if not, the producer is woken when it
// can.
func (c *Channel) Room() bool {
	if c.gate == nil {
		return c.out == nil || c.out.room()
	}
	if c.feedback || c.inflight.Load() < c.limit {
		return true
	}
	c.starved.Store(true)
	// The consumer may have made room between the two loads and not have seen starved.
	return c.inflight.Load() < c.limit
}

// done gives back the room of a processed batch.
func (c *Channel) done(n int64) {
	if c.in != nil {
		c.in.receiver.Grant(int(n))
		return
	}
	if c.inflight.Add(-n) < c.limit && c.starved.Load() && c.starved.Swap(false) && c.wake != nil {
		c.wake()
	}
}

package ops

// LoopProtocol says how a loop ends.
type LoopProtocol struct {
	// Rounds says that the loop runs in rounds; otherwise its records go around freely.
	Rounds bool
	// Max is the largest number of rounds.
	Max int64
	// Criterion says that the loop also ends with a round that made no criterion records.
	Criterion bool
}

// LoopReport is what one subtask of a loop's head tells the coordinator: that a wave, or the epoch
// that ends a round, has come back on all of its feedback channels.
type LoopReport struct {
	Subtask int
	// Number is that of the wave or the round.
	Number int64
	// Records is the number of records that came back meanwhile: since the wave was sent, or in the
	// round.
	Records int64
	// Criterion is the number of criterion records of the round.
	Criterion int64
	// Joined says that nothing came back: the head was restored in round Number.
	Joined bool
	// Finished says, with Joined, that the head was restored after the end of the loop.
	Finished bool
}

// LoopCommand is what a head shall do next.
type LoopCommand struct {
	Subtask int
	// Next is the number of the wave or round to begin.
	Next int64
	// Drained says, before a wave, that the loop is empty: the head sends the last watermark, which
	// may make new records.
	Drained bool
	// Finish ends the loop.
	Finish bool
}

// LoopCoordinator is the agreement of the subtasks of a loop's head. It is a state machine without
// clock and goroutine: Step takes what happened and returns what is to be done.
//
// # Waves
//
// When a head's input from outside has ended, it sends a wave through the loop. An operator passes a
// wave on after all channels have delivered it, so all that preceded the wave on any of them has
// been processed, and its results are ahead of the wave. Suppose that no head received a record
// between sending wave n and its return. What heads sent before wave n has made no records that are
// still on their way, as those would be ahead of the wave, which is back; those that came back
// before a head sent wave n were sent on before it; and nothing was sent after it. So the loop is
// empty. Otherwise another wave follows.
//
// # Rounds
//
// A head keeps what comes back until the round is over for all heads. The epoch that ends the round
// is the wave; what came back makes the next round.
//
// After a restore heads may be in different rounds, as barriers reach them at different times. A
// head that is behind repeats its last epoch, and is sent on as the others were.
type LoopCoordinator struct {
	protocol LoopProtocol
	heads    []loopHeadState
	drained  bool
	finished bool
}

type loopHeadState struct {
	started  int64 // number of the last wave or round that is known to have begun, -1 for none
	waiting  bool  // it has reported started
	finished bool
	report   LoopReport
}

// NewLoopCoordinator returns the coordinator of a head with parallelism subtasks.
func NewLoopCoordinator(p LoopProtocol, parallelism int) *LoopCoordinator {
	c := &LoopCoordinator{protocol: p, heads: make([]loopHeadState, parallelism)}
	for i := range c.heads {
		c.heads[i].started = -1
	}
	return c
}

// Step takes a report and returns commands.
func (c *LoopCoordinator) Step(r LoopReport) []LoopCommand {
	h := &c.heads[r.Subtask]
	h.started = max(h.started, r.Number)
	if r.Joined {
		h.finished = r.Finished
		c.finished = c.finished || r.Finished
	} else if r.Number == h.started {
		h.waiting, h.report = true, r
	}
	if cmds := c.sendOn(); cmds != nil || c.finished {
		return cmds
	}
	for i := range c.heads {
		if !c.heads[i].waiting {
			return nil
		}
	}
	return c.decide()
}

// sendOn returns commands for the heads that are behind others.
func (c *LoopCoordinator) sendOn() (cmds []LoopCommand) {
	first := int64(-1)
	for i := range c.heads {
		first = max(first, c.heads[i].started)
	}
	for i := range c.heads {
		h := &c.heads[i]
		switch {
		case !h.waiting:
		case h.started < first:
			cmds = append(cmds, LoopCommand{Subtask: i, Next: h.started + 1})
			h.started, h.waiting = h.started+1, false
		case c.finished:
			cmds = append(cmds, LoopCommand{Subtask: i, Finish: true})
			h.finished, h.waiting = true, false
		}
	}
	return cmds
}

// decide is called when all heads wait at the same number.
func (c *LoopCoordinator) decide() []LoopCommand {
	var records, criterion int64
	for i := range c.heads {
		records += c.heads[i].report.Records
		criterion += c.heads[i].report.Criterion
	}
	number := c.heads[0].started
	cmd := LoopCommand{Next: number + 1}
	if c.protocol.Rounds {
		cmd.Finish = records == 0 || number+1 >= c.protocol.Max ||
			c.protocol.Criterion && criterion == 0
	} else if records == 0 {
		cmd.Finish, cmd.Drained = c.drained, !c.drained
		c.drained = true
	}
	c.finished = cmd.Finish
	var cmds []LoopCommand
	for i := range c.heads {
		cmd.Subtask = i
		cmds = append(cmds, cmd)
		h := &c.heads[i]
		h.waiting, h.finished = false, cmd.Finish
		if !cmd.Finish {
			h.started = number + 1
		}
	}
	return cmds
}

package job

import (
	"sync"

	"github.com/flott-dev/flott/internal/ops"
)

// loopHead is the part of a loop's head that its coordinator talks to.
type loopHead interface {
	Command(c ops.LoopCommand)
}

// loopCoordinator brings the subtasks of a loop's head to agree on what comes next. It runs on the
// goroutines of the tasks that report.
type loopCoordinator struct {
	subtasks []*Subtask
	heads    []loopHead

	mu struct {
		sync.Mutex
	}
	core *ops.LoopCoordinator // under mu
}

// receive takes a report of a head and passes on what follows from it.
func (c *loopCoordinator) receive(msg any) {
	r, ok := msg.(ops.LoopReport)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cmd := range c.core.Step(r) {
		head := c.heads[cmd.Subtask]
		c.subtasks[cmd.Subtask].Deliver(func() { head.Command(cmd) })
	}
}

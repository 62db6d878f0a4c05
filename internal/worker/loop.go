package worker

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
	heads []link

	mu struct {
		sync.Mutex
	}
	core *ops.LoopCoordinator // under mu
}

// receive takes a report of a head and passes on what follows from it.
func (c *loopCoordinator) receive(r ops.LoopReport) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cmd := range c.core.Step(r) {
		c.heads[cmd.Subtask].command(cmd)
	}
}

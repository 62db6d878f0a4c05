package jobmanager

import (
	"context"
	"errors"
	"fmt"

	"github.com/flott-dev/flott/internal/control"
)

// ErrUnknownTaskManager is in the error about a TaskManager that there is not.
var ErrUnknownTaskManager = errors.New("there is no such TaskManager")

// ErrLog is in the error of a TaskManager that cannot read a log file.
var ErrLog = errors.New("log file")

// logCalls are requests for logs that a TaskManager has not answered. They belong to the Manager's actor.
type logCalls struct {
	last    int64
	waiting map[int64]chan<- *control.Log
}

// begin adds a request, whose answer comes to the channel.
func (c *logCalls) begin(answer chan<- *control.Log) int64 {
	if c.waiting == nil {
		c.waiting = map[int64]chan<- *control.Log{}
	}
	c.last++
	c.waiting[c.last] = answer
	return c.last
}

func (c *logCalls) answer(l *control.Log) {
	if w := c.waiting[l.Call]; w != nil {
		delete(c.waiting, l.Call)
		w <- l
	}
}

// fail answers all with an error.
func (c *logCalls) fail(err error) {
	for call := range c.waiting {
		c.answer(&control.Log{Call: call, Error: err.Error()})
	}
}

// Log reads a part of a log file of a TaskManager or of one of its workers, or says which there are.
func (m *Manager) Log(ctx context.Context, taskManager string, r control.ReadLog) (*control.Log, error) {
	answer := make(chan *control.Log, 1)
	known := false
	m.do(func() {
		if t := m.tms[taskManager]; t != nil {
			known = true
			r.Call = t.logs.begin(answer)
			t.send(&control.ToTaskManager{ReadLog: &r})
		}
	})
	if !known {
		return nil, fmt.Errorf("%w: %s", ErrUnknownTaskManager, taskManager)
	}
	select {
	case l := <-answer:
		if l.Error != "" {
			return nil, fmt.Errorf("%w: %s", ErrLog, l.Error)
		}
		return l, nil
	case <-ctx.Done():
		m.do(func() {
			if t := m.tms[taskManager]; t != nil {
				delete(t.logs.waiting, r.Call)
			}
		})
		return nil, context.Cause(ctx)
	}
}

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

// Log reads a part of a log file of a TaskManager or of one of its workers, or says which there are.
func (m *Manager) Log(ctx context.Context, taskManager string, r control.ReadLog) (*control.Log, error) {
	answer := make(chan outcome[*control.Log], 1)
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
		if l.err == nil && l.answer.Error != "" {
			l.err = errors.New(l.answer.Error)
		}
		if l.err != nil {
			return nil, fmt.Errorf("%w: %w", ErrLog, l.err)
		}
		return l.answer, nil
	case <-ctx.Done():
		m.do(func() {
			if t := m.tms[taskManager]; t != nil {
				t.logs.withdraw(r.Call)
			}
		})
		return nil, context.Cause(ctx)
	}
}

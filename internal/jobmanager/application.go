package jobmanager

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/flott-dev/flott/internal/control"
)

// awaitPause is the time between two looks at jobs that are taken over.
const awaitPause = 200 * time.Millisecond

// Unended are the ids of the jobs that have not ended.
func (m *Manager) Unended() (ids []string) {
	for _, j := range m.Jobs() {
		if !j.State.Done() {
			ids = append(ids, j.ID)
		}
	}
	return ids
}

// Await returns when jobs have ended, with the errors of those that have failed or were cancelled.
func (m *Manager) Await(ctx context.Context, ids []string) error {
	var errs []error
	for _, id := range ids {
		errs = append(errs, m.await(ctx, id))
	}
	return errors.Join(errs...)
}

func (m *Manager) await(ctx context.Context, id string) error {
	for {
		j, err := m.Job(id)
		switch {
		case errors.Is(err, ErrRecovering):
			select {
			case <-ctx.Done():
				return context.Cause(ctx)
			case <-time.After(awaitPause):
			}
			continue
		case err != nil:
			return err
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-j.Done():
		}
		if err := j.Wait(); err != nil {
			return fmt.Errorf("job %s: %w", id, err)
		}
		return nil
	}
}

// Dismiss has all TaskManagers end, and waits for them, no longer than timeout.
func (m *Manager) Dismiss(timeout time.Duration) {
	m.do(func() {
		for _, id := range sortedKeys(m.tms) {
			m.tms[id].send(&control.ToTaskManager{Dismiss: &control.Dismiss{}})
		}
	})
	for late := time.Now().Add(timeout); m.Cluster().TaskManagers > 0 && time.Now().Before(late); {
		time.Sleep(dismissPause)
	}
}

const dismissPause = 10 * time.Millisecond

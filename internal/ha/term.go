package ha

import (
	"context"
	"errors"
	"fmt"
)

// Term is the part of a Leadership that all stores share: who leads, and whether still.
type Term struct {
	leader Leader
	ctx    context.Context
	end    context.CancelCauseFunc
}

// NewTerm returns the term of a leader, which begins.
func NewTerm(l Leader) *Term {
	t := &Term{leader: l}
	t.ctx, t.end = context.WithCancelCause(context.Background())
	return t
}

// Leader is who leads.
func (t *Term) Leader() Leader { return t.leader }

// Context is done when the leadership is lost.
func (t *Term) Context() context.Context { return t.ctx }

// Lose ends the term. Only the first cause counts.
func (t *Term) Lose(cause error) { t.end(cause) }

// Deposed is the error of a write after the term: ErrDeposed with its cause.
func (t *Term) Deposed() error {
	cause := context.Cause(t.ctx)
	if cause == nil || errors.Is(cause, ErrDeposed) {
		return fmt.Errorf("epoch %d: %w", t.leader.Epoch, ErrDeposed)
	}
	return fmt.Errorf("epoch %d: %w: %w", t.leader.Epoch, ErrDeposed, cause)
}

// Check returns Deposed after the term, or the error of ctx, or nil.
func (t *Term) Check(ctx context.Context) error {
	if t.ctx.Err() != nil {
		return t.Deposed()
	}
	return context.Cause(ctx)
}

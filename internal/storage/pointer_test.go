package storage_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/flott-dev/flott/internal/ha"
	"github.com/flott-dev/flott/internal/ha/hatest"
	"github.com/flott-dev/flott/internal/storage"
)

// TestTakeOverIsConfirmed: a leader that is paused while it takes a job over, and followed meanwhile by one that takes it over as
// well, changes nothing.
func TestTakeOverIsConfirmed(t *testing.T) {
	w := newWorld()
	elections := ha.NewMemory()
	second := storage.New(w.root, "a job", storage.Options{Open: w.open})
	var term ha.Leadership
	asked := 0
	first := storage.New(w.root, "a job", storage.Options{Open: w.open, Confirm: func(ctx context.Context) error {
		asked++
		err := term.Confirm(ctx)
		if asked == 1 { // it was asked, and then paused
			elections.Depose()
			if _, err := second.TakeOver(ctx); err != nil {
				t.Error(err)
			}
		}
		if errors.Is(err, ha.ErrDeposed) {
			err = fmt.Errorf("%w: %w", storage.ErrDeposed, err)
		}
		return err
	}})
	term = hatest.Lead(t, elections, "one")
	if _, err := first.TakeOver(t.Context()); !errors.Is(err, storage.ErrDeposed) || asked != 2 {
		t.Errorf("asked %d times, then %v", asked, err)
	}
	publish(t, second, 1, 1)
	if _, err := tryPublish(first, 2, 2); !errors.Is(err, storage.ErrDeposed) {
		t.Errorf("the first leader publishes: %v", err)
	}
}

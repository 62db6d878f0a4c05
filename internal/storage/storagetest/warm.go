// Package storagetest is what tests of jobs that keep snapshots need.
//
// Data flow: it has none.
package storagetest

import (
	"context"
	"strings"

	"github.com/flott-dev/flott/internal/storage"
)

// Warm makes the encoder and decoder of snapshots, which synctest ties to the bubble that uses them first.
func Warm(ctx context.Context) error {
	t, err := storage.Create(ctx, "memory://", nil)
	if err != nil {
		return err
	}
	w := t.Part(ctx, "warm")
	p, err := w.Append([]byte(strings.Repeat("x", 1000)))
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		_, err = p.Load()
	}
	return err
}

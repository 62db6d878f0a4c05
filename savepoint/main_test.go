package savepoint_test

import (
	"context"
	"os"
	"strings"
	"testing"

	"github.com/flott-dev/flott/internal/storage"
)

// TestMain makes the encoder and decoder of savepoints, which synctest ties to the bubble that uses them first.
func TestMain(m *testing.M) {
	t, err := storage.Create(context.Background(), "memory://", nil)
	if err != nil {
		panic(err)
	}
	w := t.Part(context.Background(), "warm")
	p, err := w.Append([]byte(strings.Repeat("x", 1000)))
	if err == nil {
		err = w.Close()
	}
	if err == nil {
		_, err = p.Load()
	}
	if err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

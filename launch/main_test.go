package launch_test

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/flott-dev/flott/internal/storage"
)

// children are what the test binary does instead of testing, in the directory that an environment
// variable names: tests start it as a process of its own.
var children = map[string]func(dir string) error{killVariable: killedJob}

func TestMain(m *testing.M) {
	for variable, run := range children {
		dir := os.Getenv(variable)
		if dir == "" {
			continue
		}
		if err := run(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	if err := warm(context.Background()); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	goleak.VerifyTestMain(m)
}

// warm makes the encoder and decoder of snapshots, which synctest ties to the bubble that uses them first.
func warm(ctx context.Context) error {
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

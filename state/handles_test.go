package state_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/flott-dev/flott/flotttest"
	"github.com/flott-dev/flott/state"
	"github.com/flott-dev/flott/stream"
)

func planOf(t *testing.T, handles ...state.Handle) string {
	t.Helper()
	env := stream.NewEnv()
	in := flotttest.NewInput[op]()
	stream.Process(stream.KeyBy(in.Stream(env), func(o op) string { return o.Key }),
		func(c opCtx, o op) error { return nil }, stream.Uses(handles...))
	_, _, err := env.Plan()
	return fmt.Sprint(err)
}

// Handles of one name that differ are a mistake in the job; to declare one twice is none.
func TestHandlesOfOneName(t *testing.T) {
	x := state.NewValue[int32]("x")
	for want, other := range map[string]state.Handle{
		"value int32 and value string":           state.NewValue[string]("x"),
		"value int32 and list []int32":           state.NewList[int32]("x"),
		"declare one handle and use it wherever": state.NewValue[int32]("x"),
		"value int32 and map map[string]int32":   state.NewMap[string, int32]("x"),
	} {
		if got := planOf(t, x, other); !strings.Contains(got, want) || !strings.Contains(got, `"x"`) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if got := planOf(t, x, state.NewList[string]("y"), x); got != "<nil>" {
		t.Errorf("a handle that is declared twice: %s", got)
	}
}

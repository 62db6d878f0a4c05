package gateway_test

import (
	"context"
	"unicode/utf16"

	"github.com/flott-dev/flott/internal/gateway"
	"github.com/flott-dev/flott/stream"
)

// noting notes the scripts of jobs that it has started.
type noting struct {
	stream.Executor
	s      *site
	script func() gateway.Script
}

func (n noting) Start(ctx context.Context, env *stream.Env, name string) (stream.Running, error) {
	n.s.scripts = append(n.s.scripts, n.script())
	return n.Executor.Start(ctx, env, name)
}

func utf16Of(text string) []uint16 { return utf16.Encode([]rune(text)) }

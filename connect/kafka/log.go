package kafka

import (
	"context"
	"log/slog"

	"github.com/twmb/franz-go/pkg/kgo"
)

// logger passes on what clients warn of.
type logger struct{}

// Level is the least that is passed on.
func (logger) Level() kgo.LogLevel { return kgo.LogLevelWarn }

// Log passes a message on.
func (logger) Log(level kgo.LogLevel, text string, pairs ...any) {
	l := slog.LevelWarn
	if level == kgo.LogLevelError {
		l = slog.LevelError
	}
	slog.Log(context.Background(), l, "flott: kafka: "+text, pairs...)
}

func warn(text string, pairs ...any) { slog.Warn(text, pairs...) }

package control

import "log/slog"

// Ask asks a TaskManager or a worker about its own process. It is answered by Answer.
type Ask struct {
	// Call is that of the answer.
	Call int64
	// LogLevel, if it is not nil, is what the process logs from now on.
	LogLevel *LogLevel
}

// Answer answers Ask.
type Answer struct {
	Call  int64
	Error string // "" for none
}

// LogLevel is what is logged: what is of the level, or a higher one. A TaskManager gives it to the workers that it starts from then on.
type LogLevel struct{ Level slog.Level }

// Package print is a sink that writes records as lines of text, for people to read.
//
// Data flow: a writer formats the records it is given and writes each batch at once.
package print

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"sync"

	"github.com/flott-dev/flott/connect"
)

// Option is a setting of Sink.
type Option func(*config)

type config struct {
	out       *output
	prefix    bool
	formatted string
}

// output is written to by all subtasks.
type output struct {
	mu sync.Mutex
	w  io.Writer
}

// To makes the sink write to w. The default is the standard output. The sink never writes to w
// from two goroutines at a time.
func To(w io.Writer) Option { return func(c *config) { c.out.w = w } }

// Prefix puts the number of the subtask before each record, as in "0> record".
func Prefix() Option { return func(c *config) { c.prefix = true } }

// Format is how a record is written, as in fmt.Printf. The default is "%v".
func Format(format string) Option { return func(c *config) { c.formatted = format } }

// Sink writes each record as a line.
func Sink[T any](options ...Option) connect.Sink[T] {
	c := config{out: &output{w: os.Stdout}, formatted: "%v"}
	for _, o := range options {
		o(&c)
	}
	return &sink[T]{c}
}

type sink[T any] struct{ cfg config }

func (s *sink[T]) Writer(ctx connect.WriterContext, _ [][]byte) (connect.Writer[T], error) {
	w := &writer[T]{cfg: s.cfg}
	if s.cfg.prefix {
		w.prefix = strconv.Itoa(ctx.Subtask) + "> "
	}
	return w, nil
}

type writer[T any] struct {
	cfg    config
	prefix string
	buf    []byte
}

func (w *writer[T]) Write(records []T, _ []int64) error {
	w.buf = w.buf[:0]
	for i := range records {
		w.buf = append(w.buf, w.prefix...)
		w.buf = fmt.Appendf(w.buf, w.cfg.formatted, records[i])
		w.buf = append(w.buf, '\n')
	}
	w.cfg.out.mu.Lock()
	defer w.cfg.out.mu.Unlock()
	if _, err := w.cfg.out.w.Write(w.buf); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

func (w *writer[T]) Flush(bool) error { return nil }

func (w *writer[T]) Snapshot() ([]byte, error) { return nil, nil }

func (w *writer[T]) Close() error { return nil }

package nexmark

import (
	"sync"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/datagen"
)

// SourceOption is a setting of Source.
type SourceOption func(*sourceConfig)

type sourceConfig struct {
	fields Fields
	paced  bool
}

// Project makes the source produce only some columns; the others are zero. The default is
// AllFields. What reads the event time, as watermarks do, needs AllDateTime.
func Project(f Fields) SourceOption { return func(c *sourceConfig) { c.fields = f } }

// Paced makes the event at position n appear at its due time: n/RatePerSecond seconds after the
// start, in processing time. The start is Config.BaseMillis if that is set, so that event time
// follows the clock (events that are overdue come at once), else the first poll of each split. By
// default events come as fast as the job takes them.
func Paced() SourceOption { return func(c *sourceConfig) { c.paced = true } }

// Source is a source of the events of cfg: of cfg.Events events, or without end if that is zero. It
// has as many splits as the job has readers at its first start; split i of k makes the events
// i, i+k, i+2k, ….
func Source(cfg Config, options ...SourceOption) connect.Source[Event] {
	c := sourceConfig{fields: AllFields}
	for _, o := range options {
		o(&c)
	}
	gen := datagen.Options{Count: max(cfg.Events, 0)}
	if c.paced {
		gen.PerSecond = cfg.withDefaults().RatePerSecond
		if cfg.BaseMillis != 0 {
			gen.Start = time.UnixMilli(cfg.BaseMillis)
		}
	}
	tables := sync.OnceValues(func() (*Tables, error) {
		if err := cfg.Validate(); err != nil {
			return nil, err
		}
		return NewTables(cfg), nil
	})
	return datagen.Batches(func() (datagen.Fill[Event], error) {
		t, err := tables()
		if err != nil {
			return nil, err
		}
		return t.Generator().fill(c.fields), nil
	}, gen)
}

// fill returns the function that makes batches. A batch's slots were cleared when it was released
// last, but an operator that compacts its batch in place leaves events behind, and a function that
// takes a pointer may have changed them. The generator wants zero or its own events, so the slots
// are cleared again.
func (g *Generator) fill(fields Fields) datagen.Fill[Event] {
	return func(first, step int64, out []Event) {
		clear(out)
		g.GenerateBatch(first, step, fields, out)
	}
}

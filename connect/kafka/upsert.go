package kafka

import (
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	options "github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/row"
)

// The options of tables of upserts.
var (
	flushRowsOption = options.Int(options.Doc{
		Key: "sink.buffer-flush.max-rows", Default: "0", Text: "How many rows are held back, of which the last one with each key is written; `0` holds none back. It " +
			"needs the interval too.",
	}, 0, 1<<30)
	flushIntervalOption = options.Duration(options.Doc{
		Key: "sink.buffer-flush.interval", Default: "0 s", Text: "How long rows are held back at most.",
	})
)

// upsertBase is Upsert without what makes sources and sinks.
var upsertBase = connect.TableFactory{
	Name: "upsert-kafka", Formatted: true, Keyed: true,
	Options: append(options.Set{
		topicOption, patternOption, keyFieldsPrefixOption, valueFieldsOption, stopOption, stopOffsetsOption, stopTimeOption, discoverOption,
		scanParallelismOption, guaranteeOption, prefixOption, loseOption, connect.SinkParallelism, flushRowsOption, flushIntervalOption,
	}, connect.BadRecordOptions...),
}

// Upsert is the connector 'upsert-kafka' of SQL: a table whose rows, by the primary key, are what the last record with their key says. A
// record without a value deletes its row.
var Upsert = connect.TableFactory{
	Name: upsertBase.Name, Options: upsertBase.Options, Formatted: upsertBase.Formatted, Keyed: upsertBase.Keyed,
	NewSource: func(t *connect.TableSpec) (connect.TableSource, error) { return newTableSource(t, &upsertBase) },
	NewSink:   func(t *connect.TableSpec) (connect.TableSink, error) { return newTableSink(t, &upsertBase) },
}

// checkUpsert checks what a table of upserts needs.
func (c *table) checkUpsert(o *connect.TableOptions) error {
	var errs []error
	if len(c.spec.PrimaryKey) == 0 {
		errs = append(errs, errors.New("the connector 'upsert-kafka' needs a PRIMARY KEY … NOT ENFORCED: by which rows replace each other"))
	}
	if o.KeyFormat == nil {
		errs = append(errs, errors.New("the option 'key.format' is missing: how the primary key is written"))
	}
	if f := o.Format; f != nil && (f.NewDecoder == nil || f.Reads != row.InsertOnly || f.NewEncoder == nil || f.Writes != row.InsertOnly) {
		errs = append(errs, fmt.Errorf("the format '%s' has changes of its own, or cannot be read and written: 'upsert-kafka' takes one for rows", f.Name))
	}
	if rows, every := flushRowsOption.Get(c.values), flushIntervalOption.Get(c.values); (rows > 0) != (every > 0) {
		errs = append(errs, errors.New("'sink.buffer-flush.max-rows' and 'sink.buffer-flush.interval' belong together: both are given, or none"))
	}
	return errors.Join(errs...)
}

// held is rows that are held back, of which the last one with each key is written.
type held struct {
	most  int
	every time.Duration
	ctx   connect.WriterContext
	at    map[string]int // of keys in rows
	rows  []*kgo.Record
}

// newHeld is nil if none are held back.
func newHeld(c *options.Configuration, ctx connect.WriterContext) *held {
	most := flushRowsOption.Get(c)
	if most == 0 {
		return nil
	}
	return &held{most: most, every: flushIntervalOption.Get(c), ctx: ctx, at: map[string]int{}}
}

// put holds records back.
func (h *held) put(p *producer, records []*kgo.Record) error {
	for _, r := range records {
		if i, ok := h.at[string(r.Key)]; ok {
			h.rows[i] = r
			continue
		}
		if len(h.rows) == 0 {
			h.ctx.WakeAt(h.ctx.Now().Add(h.every))
		}
		h.at[string(r.Key)] = len(h.rows)
		if h.rows = append(h.rows, r); len(h.rows) < h.most {
			continue
		}
		if err := h.send(p); err != nil {
			return err
		}
	}
	return nil
}

// send writes what is held back.
func (h *held) send(p *producer) error {
	if h == nil || len(h.rows) == 0 {
		return nil
	}
	if err := p.produce(h.rows); err != nil {
		return err
	}
	clear(h.at)
	clear(h.rows)
	h.rows = h.rows[:0]
	return nil
}

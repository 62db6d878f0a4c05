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
	errs = append(errs, checkBuffer(flushRowsOption.Get(c.values), flushIntervalOption.Get(c.values)))
	return errors.Join(errs...)
}

// checkBuffer checks how many records are held back, and for how long.
func checkBuffer(rows int, every time.Duration) error {
	if rows < 0 || (rows > 0) != (every > 0) {
		return fmt.Errorf("%d records are held back for %v: 'sink.buffer-flush.max-rows' and 'sink.buffer-flush.interval' belong together (in Go BufferRows and "+
			"BufferInterval): both are given, or none", rows, every)
	}
	return nil
}

// held is records that are held back, of which the last one with each key is written.
type held struct {
	most  int
	every time.Duration
	ctx   connect.WriterContext
	at    map[heldKey]int // places in records
	// records are in the order in which their keys came.
	records []*kgo.Record
}

type heldKey struct{ topic, key string }

// newHeld is nil if none are held back.
func newHeld(o *sinkConfig, ctx connect.WriterContext) *held {
	if o.BufferRows == 0 {
		return nil
	}
	return &held{most: o.BufferRows, every: o.BufferInterval, ctx: ctx, at: map[heldKey]int{}}
}

// put holds records back.
func (h *held) put(p *producer, records []*kgo.Record) error {
	for _, r := range records {
		if r.Key == nil {
			return fmt.Errorf("kafka: a record for topic %s has no key: records that are held back replace each other by it", r.Topic)
		}
		if i, ok := h.at[heldKey{r.Topic, string(r.Key)}]; ok {
			h.records[i] = r
			continue
		}
		if len(h.records) == 0 {
			h.ctx.WakeAt(h.ctx.Now().Add(h.every))
		}
		h.at[heldKey{r.Topic, string(r.Key)}] = len(h.records)
		if h.records = append(h.records, r); len(h.records) < h.most {
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
	if h == nil || len(h.records) == 0 {
		return nil
	}
	if err := p.produce(h.records); err != nil {
		return err
	}
	clear(h.at)
	clear(h.records)
	h.records = h.records[:0]
	return nil
}

package datagen

import (
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"strings"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/suggest"
	"github.com/flott-dev/flott/row"
)

// The options of tables of made-up rows. The # is a column; of parts of it, column.field,
// column.element, column.key and column.value.
var (
	rateOption = config.Int(config.Doc{
		Key: "rows-per-second", Default: "10000", Text: "How many rows are made in a second, by all subtasks together.",
	}, 1, math.MaxInt)
	countOption = config.Int(config.Doc{
		Key: "number-of-rows", Text: "How many rows are made. By default there is no end, unless a column is a sequence.",
	}, 0, math.MaxInt)
	kindOption = config.Enum(config.Doc{
		Key: "fields.#.kind", Default: "random", Text: "Whether values are made up, or counted from start to end.",
	}, nil, "random", "sequence")
	minOption = config.AnyText(config.Doc{
		Key: "fields.#.min", Text: "The least value. By default the least of the type, for DECIMAL 0.",
	})
	maxOption = config.AnyText(config.Doc{
		Key: "fields.#.max", Text: "The greatest value. By default the greatest of the type.",
	})
	lengthOption = config.Int(config.Doc{
		Key: "fields.#.length", Text: "The length of texts, bytes and lists. By default that of the type, but at most 100; 3 for lists.",
	}, 0, 1<<28)
	varLenOption = config.Bool(config.Doc{
		Key: "fields.#.var-len", Default: "false", Text: "Makes lengths vary from 1 to that of length, of VARCHAR and VARBINARY.",
	})
	maxPastOption = config.Duration(config.Doc{
		Key: "fields.#.max-past", Default: "0 ms", Text: "How long ago a timestamp may be.",
	})
	startOption = config.AnyText(config.Doc{Key: "fields.#.start", Text: "The first value of a sequence."})
	endOption   = config.AnyText(config.Doc{Key: "fields.#.end", Text: "The last value of a sequence."})
	nullOption  = config.Float(config.Doc{
		Key: "fields.#.null-rate", Default: "0", Text: "The share of values that are NULL.",
	}, 0, 1)
)

// ScanParallelism is the number of readers of a table, by default the parallelism of the job. It is an option of all tables
// whose rows are made.
var ScanParallelism = config.Int(config.Doc{
	Key: "scan.parallelism", Text: "How many subtasks make rows. By default as many as the job's parallelism.",
}, 1, 1<<15)

var base = connect.TableFactory{
	Name: "datagen",
	Options: config.Set{
		rateOption, countOption, kindOption, minOption, maxOption, lengthOption, varLenOption, maxPastOption, startOption,
		endOption, nullOption, ScanParallelism,
	},
}

// Table is the connector 'datagen' of SQL: rows of random values and of sequences. The values of a row
// follow from its number and the name of the table, so that a job that is run again makes the same,
// but for DATE, TIME and timestamps, which follow the clock.
var Table = connect.TableFactory{
	Name: base.Name, Options: base.Options,
	NewSource: func(t *connect.TableSpec) (connect.TableSource, error) { return newTable(t) },
}

// table is a table of made-up rows.
type table struct {
	spec    *connect.TableSpec
	columns []maker
	o       Options
	none    bool // there are no rows
	readers int  // 0: the job's parallelism
}

// Readers implements connect.Parallel.
func (t *table) Readers(most int) (int, error) { return cmp.Or(t.readers, most), nil }

// Size implements connect.Sized.
func (t *table) Size() (rows int64, ok bool) { return t.o.Count, t.Bounded() }

func newTable(t *connect.TableSpec) (*table, error) {
	o, err := base.Parse(t)
	if err != nil {
		return nil, err
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(t.Name))
	p := planner{values: o.Connector, paths: map[string]bool{}, seed: h.Sum64(), count: math.MaxInt64}
	c := &table{spec: t}
	var errs []error
	for _, f := range t.Schema.Fields {
		m, err := p.plan(f.Name, f.Type)
		if err != nil {
			errs = append(errs, err)
		}
		c.columns = append(c.columns, m)
	}
	errs = append(errs, p.unknown(t.Options)...)
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("table %s, connector 'datagen': %w", t.Name, err)
	}
	c.o.PerSecond = int64(rateOption.Get(o.Connector))
	if n, ok := countOption.Lookup(o.Connector); ok {
		p.count = min(p.count, int64(n))
	}
	if p.count < math.MaxInt64 {
		c.o.Count = p.count
	}
	c.none = p.count == 0
	c.readers, _ = ScanParallelism.Lookup(o.Connector) // 0 where it is not set
	return c, nil
}

func (t *table) Bounded() bool          { return t.o.Count > 0 || t.none }
func (t *table) Kinds() row.ChangeKinds { return row.InsertOnly }

// Scan makes a source of some of the columns. Values do not depend on which.
func (t *table) Scan(s connect.Scan) (connect.ColumnSource, error) {
	schema, makers := &row.Schema{}, []maker{}
	for i, f := range t.spec.Schema.Fields {
		if s.Project == nil {
			schema.Fields = append(schema.Fields, f)
			makers = append(makers, t.columns[i])
		}
	}
	for _, i := range s.Project {
		schema.Fields = append(schema.Fields, t.spec.Schema.Fields[i])
		makers = append(makers, t.columns[i])
	}
	source := Columns(schema, func(ctx connect.ReaderContext) (FillColumns, error) {
		return func(first, step int64, n int, cols []*column.Vector) {
			now := ctx.Now()
			for c, v := range cols {
				fill(makers[c], v, first, step, n, now)
			}
		}, nil
	}, t.o)
	if t.none {
		return empty{source}, nil
	}
	return source, nil
}

// empty is a source without splits.
type empty struct{ connect.ColumnSource }

func (empty) Bounded() bool { return true }

func (empty) Enumerator(ctx connect.EnumeratorContext, _ []byte) (connect.Enumerator, error) {
	return connect.NewDeal(ctx, nil), nil
}

// fill makes n values of a column.
func fill(m maker, v *column.Vector, first, step int64, n int, now time.Time) {
	d := draws{now: now}
	for i := range int64(n) {
		d.n = first + i*step
		d.state = m.seed ^ uint64(d.n)*0xD1B54A32D192ED03
		m.value(&d, v)
	}
}

// unknown are the errors of options of columns that there are not.
func (p *planner) unknown(options map[string]string) (errs []error) {
	var names []string
	for path := range p.paths {
		names = append(names, path)
	}
	for key := range options {
		rest, ok := strings.CutPrefix(key, "fields.")
		if at := strings.LastIndexByte(rest, '.'); ok && at > 0 && !p.paths[rest[:at]] {
			err := fmt.Errorf("'%s': there is no column '%s'", key, rest[:at])
			if best := suggest.Nearest(rest[:at], names, max(2, at/3)); best != "" {
				err = fmt.Errorf("%w; did you mean '%s'?", err, best)
			}
			errs = append(errs, err)
		}
	}
	return errs
}

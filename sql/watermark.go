package sql

import (
	"fmt"
	"strings"

	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/internal/ops"
	"github.com/flott-dev/flott/sql/internal/catalog"
	"github.com/flott-dev/flott/sql/internal/exec"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/physical"
)

// The options of a table about its watermark. They are not the connector's.
var (
	emitStrategy = config.Enum(config.Doc{
		Key: watermarkPrefix + "emit.strategy", Default: "on-periodic",
		Text: "on-event gives a watermark after each row that advances it, on-periodic one with each batch.",
	}, nil, "on-event", "on-periodic")
	idleTimeout = config.Duration(config.Doc{
		Key: watermarkPrefix + "idle-timeout", Text: "The time without rows after which a reader of the table is not waited for. By default it is table.exec.source.idle-timeout.",
	})
	alignmentGroup = config.Text(config.Doc{
		Key: watermarkPrefix + "alignment.group", Text: "The tables of a job that are read in step have the same group.",
	})
	alignmentDrift = config.Duration(config.Doc{
		Key: watermarkPrefix + "alignment.max-drift", Text: "How far the watermark of a table may be ahead of the least one of its group.",
	})
	alignmentInterval = config.Duration(config.Doc{
		Key: watermarkPrefix + "alignment.update-interval", Default: "1 s", Text: "How often a table tells its group where it is.",
	})
	watermarkOptions = config.Set{emitStrategy, idleTimeout, alignmentGroup, alignmentDrift, alignmentInterval}
)

const watermarkPrefix = "scan.watermark."

// connectorOptions are the options of a table without those about its watermark and about how its rows are looked up.
func connectorOptions(options map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range options {
		if !strings.HasPrefix(k, watermarkPrefix) && !strings.HasPrefix(k, lookupPrefix) {
			out[k] = v
		}
	}
	return out
}

// watermarkConfig are the options of a table about its watermark.
func watermarkConfig(t *catalog.Table, options map[string]string) (*config.Configuration, error) {
	texts := map[string]string{}
	for k, v := range options {
		if strings.HasPrefix(k, watermarkPrefix) {
			texts[k] = v
		}
	}
	c, err := watermarkOptions.Parse(texts, "")
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", t.Path.Object, err)
	}
	_, hasGroup := alignmentGroup.Lookup(c)
	_, hasDrift := alignmentDrift.Lookup(c)
	switch {
	case len(texts) > 0 && t.Watermark == nil:
		return nil, &catalog.Error{Msg: fmt.Sprintf("the table %s has options that begin with %s, and no watermark", t.Path.Object, watermarkPrefix), Hint: "WATERMARK FOR ts AS … makes one"}
	case hasGroup != hasDrift:
		return nil, &catalog.Error{Msg: fmt.Sprintf("the table %s has one of %s and %s", t.Path.Object, alignmentGroup.Key, alignmentDrift.Key), Hint: "they go together"}
	}
	return c, nil
}

// watermarkEachRow is what the option of a table says of when watermarks are given, otherwise where it says nothing.
func watermarkEachRow(options map[string]string, otherwise bool) bool {
	if s, ok := options[emitStrategy.Key]; ok {
		return s == "on-event"
	}
	return otherwise
}

// idle says when a source is not waited for, and with which others it is read in step. columns are what the source gives, as
// expressions of the columns that it fills.
func (b *builder) idle(r *physical.Rel, cfg *ops.ColumnSourceConfig, columns []expr.Expr) error {
	t := r.Source.Table
	c, err := watermarkConfig(t, r.Source.Options)
	if err != nil || t.Watermark == nil {
		return err
	}
	cfg.IdleTimeout = config.SourceIdleTimeout.Get(b.config)
	if d, ok := idleTimeout.Lookup(c); ok {
		cfg.IdleTimeout = d
	}
	w := b.watermarks[r]
	group, ok := alignmentGroup.Lookup(c)
	if !ok || w == nil {
		return nil
	}
	cfg.Group, cfg.MaxDrift, cfg.UpdateInterval = group, alignmentDrift.Get(c), alignmentInterval.Get(c)
	cfg.Watermarks = exec.SplitWatermarks(exec.Session{Zone: b.zone}, expr.Replace(w, columns))
	return nil
}

// noteWatermark notes the watermark that is made of the rows of a source, as an expression of the source's columns: its
// splits have to know theirs to be read in step.
func (b *builder) noteWatermark(r *physical.Rel) {
	op, ok := r.Op.(*exec.Watermark)
	if !ok {
		return
	}
	x, in := op.Expr, r.Ins[0]
	if calc, ok := in.Op.(*exec.Calc); ok {
		x, in = expr.Replace(x, calc.Exprs), in.Ins[0]
	}
	if in.Source != nil {
		b.watermarks[in] = x
	}
}

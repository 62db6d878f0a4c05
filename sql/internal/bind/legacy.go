package bind

import (
	"slices"
	"strings"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// legacyWindow is TUMBLE, HOP or SESSION in GROUP BY: the table is cut into windows, and grouped by them.
type legacyWindow struct {
	logical.Windowing
	at    ast.Span
	time  int
	first int // the key window_start; window_end and window_time follow
}

func isLegacy(x *ast.Call) bool {
	switch strings.ToUpper(x.Name.Last().Name) {
	case "TUMBLE", "HOP", "SESSION":
		return len(x.Name) == 1
	}
	return false
}

// legacy binds a window of GROUP BY to three keys.
func (g *group) legacy(x *ast.Call) []int {
	kind := strings.ToUpper(x.Name.Last().Name)
	if g.window != nil {
		fail(x.Span, "there is one window in GROUP BY at most")
	}
	names := windowArgs[kind]
	if len(x.Args) < 2 || len(x.Args) > len(names)+1 || kind == "HOP" && len(x.Args) < 3 {
		fail(x.Span, "%s takes a column of time, and %s", kind, strings.ToLower(strings.Join(names, ", ")))
	}
	time, ok := g.in.expr(x.Args[0]).(*expr.Input)
	if !ok {
		fail(x.Args[0].Extent(), "the first argument of %s is a column of time", kind)
	}
	w := &legacyWindow{at: x.Span, time: time.Index, first: len(g.keys)}
	w.Kind = kind
	for i, a := range x.Args[1:] {
		d := g.in.duration(a, kind, names[i])
		switch names[i] {
		case "SLIDE":
			w.Slide = d
		case "OFFSET":
			w.Offset = d
		default:
			w.Size = d
		}
	}
	cols := g.from.Columns()
	checkWindowing(x.Span, &w.Windowing, cols[time.Index])
	g.window = w
	probe := logical.NewWindow(x.Span, g.from, w.Windowing, time.Index, nil)
	for i := range 3 {
		g.keys = append(g.keys, logical.Input(probe, len(cols)+i))
		g.asts = append(g.asts, x)
	}
	return []int{w.first, w.first + 1, w.first + 2}
}

// legacyProperty binds TUMBLE_START and the like, nil if a call is no such.
func (g *group) legacyProperty(x *ast.Call) expr.Expr {
	kind, what, ok := strings.Cut(strings.ToUpper(x.Name.Last().Name), "_")
	if !ok || kind != "TUMBLE" && kind != "HOP" && kind != "SESSION" {
		return nil
	}
	i := slices.Index([]string{"START", "END", "ROWTIME", "PROCTIME"}, what)
	if i < 0 {
		return nil
	}
	if g.window == nil || g.window.Kind != kind {
		fail(x.Span, "%s_%s needs the same %s in GROUP BY", kind, what, kind)
	}
	in := *g.keyInput(g.window.first+min(i, 2), x.Span).(*expr.Input)
	switch what {
	case "ROWTIME":
		in.T = in.T.Nullable(true)
		if in.T.Attribute == row.Proctime {
			fail(x.Span, "%s_ROWTIME is about event time; %s_PROCTIME is about processing time", kind, kind)
		}
	case "PROCTIME":
		t := *row.TimestampLTZOf(3).Nullable(false)
		t.Attribute = row.Proctime
		in.T = &t
	}
	return &in
}

// cut makes the windows: what the groups are made of, and the keys as its columns.
func (g *group) cut() {
	w := g.window
	if w == nil {
		return
	}
	width := len(g.from.Columns())
	exprs := logical.InputsOf(g.from)
	var partition []int
	for i, k := range g.keys {
		if w.Kind != "SESSION" || i >= w.first && i < w.first+3 {
			continue
		}
		partition = append(partition, place(&exprs, k))
	}
	if len(exprs) > width {
		names := logical.Names(g.from.Columns())
		for i := width; i < len(exprs); i++ {
			names = append(names, "$partition")
		}
		g.from = logical.NewProject(g.from, exprs, unique(names))
	}
	g.from = logical.NewWindow(w.at, g.from, w.Windowing, w.time, partition)
	for i := range 3 {
		g.keys[w.first+i] = logical.Input(g.from, len(exprs)+i)
	}
}

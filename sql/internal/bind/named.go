package bind

import (
	"slices"
	"strings"

	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/catalog"
	"github.com/flott-dev/flott/sql/internal/parse"
)

// named are the full names of what the names in a query mean.
type named map[ast.Span]catalog.Path

// note notes what a name means; a nil named notes nothing.
func (n named) note(x ast.Name, p catalog.Path) {
	if n != nil && len(x) < 3 {
		n[x.Extent()] = p
	}
}

// complete is a query as it was written, with full names, which mean the same wherever they are read: what a view keeps.
func (n named) complete(q *ast.Query, text string) (completed string, x *ast.Query, err error) {
	spans := make([]ast.Span, 0, len(n))
	for s := range n {
		spans = append(spans, s)
	}
	slices.SortFunc(spans, func(a, b ast.Span) int { return a.From - b.From })
	from := q.Extent().From
	at := from
	for _, s := range spans {
		p := n[s]
		completed += text[at-from:s.From-from] + ast.Quoted(ast.Make(p.Catalog, p.Database, p.Object))
		at = s.To
	}
	completed += text[at-from:]
	s, err := parse.Statement(completed)
	if err != nil {
		return "", nil, err
	}
	return completed, s.(*ast.QueryStmt).Query, nil
}

// registered is the name that the program has registered a function of a catalog by, empty where a name means none.
func (b *binder) registered(n ast.Name) string {
	if b.env == nil || b.env.Functions == nil || b.env.Catalog == nil {
		return ""
	}
	f := b.env.Catalog.Function(n.Strings())
	if f == nil {
		return ""
	}
	if names := b.env.Functions.Names(); !slices.ContainsFunc(names, func(s string) bool { return strings.EqualFold(s, f.As) }) {
		failHint(n.Extent(), RegisteredHint(names), "the function %s is %s of the program, which this program does not have", f.Path.Object, f.As)
	}
	b.env.named.note(n, f.Path)
	return f.As
}

// RegisteredHint is a hint with the functions that there are.
func RegisteredHint(names []string) string {
	if len(names) == 0 {
		return "it has registered none; sql.Functions does"
	}
	slices.Sort(names)
	return "it has registered " + strings.Join(names, ", ")
}

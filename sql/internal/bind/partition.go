package bind

import (
	"slices"
	"strings"

	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/catalog"
)

// partitions adds and drops partitions that the catalog lists, and no files.
func (b *binder) partitions(t *catalog.Table, a *ast.Partitions) {
	switch {
	case len(t.Partitioned) == 0:
		failHint(a.Span, "PARTITIONED BY (…) makes it so", "%s is not partitioned", t.Path.Object)
	case t.IsKept():
		fail(a.Span, "the catalog of %s is in a file, which lists no partitions: they are those of the files of the table", t.Path.Object)
	}
	t.Partitions = slices.Clone(t.Partitions)
	for _, spec := range a.Specs {
		var part, names []string
		for _, x := range spec {
			name := x.Name.Last().Name
			if x.Value == nil {
				fail(x.Name.Extent(), "a partition has a value for each column")
			}
			names, part = append(names, name), append(part, name+"="+PartitionValue(x.Value))
		}
		if !slices.Equal(slices.Sorted(slices.Values(names)), slices.Sorted(slices.Values(t.Partitioned))) {
			fail(spec[0].Name.Extent(), "a partition of %s has a value for each of %s", t.Path.Object, strings.Join(t.Partitioned, ", "))
		}
		at := slices.IndexFunc(t.Partitions, func(p []string) bool {
			return slices.Equal(slices.Sorted(slices.Values(p)), slices.Sorted(slices.Values(part)))
		})
		switch {
		case a.Add && at < 0:
			t.Partitions = append(t.Partitions, part)
		case !a.Add && at >= 0:
			t.Partitions = slices.Delete(t.Partitions, at, at+1)
		case a.IfNotExists:
		case a.Add:
			fail(spec[0].Name.Extent(), "there is a partition %s already", strings.Join(part, "/"))
		default:
			failHint(spec[0].Name.Extent(), "statements drop those that statements have added, and no files", "there is no partition %s in the catalog", strings.Join(part, "/"))
		}
	}
}

// PartitionValue is the value of a partition column as a text.
func PartitionValue(x ast.Expr) string {
	if v, ok := x.(*ast.Str); ok {
		return v.Value
	}
	return ast.String(x)
}

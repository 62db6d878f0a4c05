package sql

import (
	"maps"
	"slices"
	"strings"

	"github.com/flott-dev/flott/sql/internal/agg"
	"github.com/flott-dev/flott/sql/internal/builtin"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// functions are those of the program, by name in upper case.
type functions struct {
	scalars    map[string]*builtin.Def
	aggregates map[string]*agg.Func
	tables     map[string]*logical.TableFunc
}

func newFunctions() *functions {
	return &functions{map[string]*builtin.Def{}, map[string]*agg.Func{}, map[string]*logical.TableFunc{}}
}

func (f *functions) Scalar(name string) *builtin.Def { return f.scalars[strings.ToUpper(name)] }

func (f *functions) Aggregate(name string) *agg.Func      { return f.aggregates[strings.ToUpper(name)] }
func (f *functions) Table(name string) *logical.TableFunc { return f.tables[strings.ToUpper(name)] }

func (f *functions) Names() []string {
	names := slices.Collect(maps.Keys(f.scalars))
	names = slices.AppendSeq(names, maps.Keys(f.aggregates))
	return slices.AppendSeq(names, maps.Keys(f.tables))
}

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
	// system are the names of CREATE TEMPORARY SYSTEM FUNCTION, with the names of the program.
	system map[string]string
}

func newFunctions() *functions {
	return &functions{map[string]*builtin.Def{}, map[string]*agg.Func{}, map[string]*logical.TableFunc{}, map[string]string{}}
}

// resolve is the name of the program that a name without a catalog means, in upper case.
func (f *functions) resolve(name string) string {
	key := strings.ToUpper(name)
	if as := f.system[key]; as != "" {
		return as
	}
	return key
}

func (f *functions) has(name string) bool {
	key := f.resolve(name)
	return f.scalars[key] != nil || f.aggregates[key] != nil || f.tables[key] != nil
}

// kind is what DESCRIBE FUNCTION EXTENDED says of a function of the program, or of a built-in one.
func (f *functions) kind(as, name string) string {
	switch key := strings.ToUpper(as); {
	case f.tables[key] != nil:
		return "TABLE"
	case f.aggregates[key] != nil, as == "" && agg.Lookup(name) != nil:
		return "AGGREGATE"
	}
	return "SCALAR"
}

func (f *functions) Scalar(name string) *builtin.Def      { return f.scalars[f.resolve(name)] }
func (f *functions) Aggregate(name string) *agg.Func      { return f.aggregates[f.resolve(name)] }
func (f *functions) Table(name string) *logical.TableFunc { return f.tables[f.resolve(name)] }

// Names are the names of the program's functions, and those that stand for them in the session.
func (f *functions) Names() []string {
	names := slices.Collect(maps.Keys(f.scalars))
	names = slices.AppendSeq(names, maps.Keys(f.aggregates))
	names = slices.AppendSeq(names, maps.Keys(f.system))
	return slices.AppendSeq(names, maps.Keys(f.tables))
}

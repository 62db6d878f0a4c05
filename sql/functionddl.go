package sql

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/flott-dev/flott/sql/internal/agg"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/bind"
	"github.com/flott-dev/flott/sql/internal/builtin"
	"github.com/flott-dev/flott/sql/internal/catalog"
)

// createFunction gives a function that the program has registered another name, in a catalog or, for TEMPORARY SYSTEM, in
// the session. It is ALTER FUNCTION too.
func (s *Session) createFunction(ctx context.Context, x *ast.CreateFunction) (*Result, error) {
	switch {
	case x.Language != "" && x.Language != "GO":
		return nil, &bind.Error{Span: x.Span, Msg: "functions are in Go, not in " + x.Language, Hint: "AS names a function that the program has registered by sql.Functions"}
	case len(x.Jars) > 0:
		return nil, &bind.Error{Span: x.Span, Msg: "there are no JARs", Hint: "AS names a function that the program has registered by sql.Functions"}
	case len(x.With) > 0:
		return nil, &bind.Error{Span: x.Span, Msg: "a function has no options"}
	case !s.functions.has(x.As):
		return nil, &bind.Error{Span: x.Span, Msg: fmt.Sprintf("the program has not registered a function %s", x.As), Hint: bind.RegisteredHint(s.functions.Names())}
	}
	if x.System {
		return s.createSystemFunction(x)
	}
	p, err := s.catalog.Resolve(x.Name.Strings())
	if err != nil {
		return nil, at(x.Name, err)
	}
	f := &catalog.Function{Path: p, Temporary: x.Temporary, As: x.As, Language: "GO"}
	was := s.catalog.Function(x.Name.Strings())
	isThere := was != nil && was.Temporary == x.Temporary
	if isThere && x.IfNotExists || !isThere && x.IfExists {
		return done, nil
	}
	return done, at(x.Name, s.catalog.PutFunction(ctx, f, x.Alter))
}

func (s *Session) createSystemFunction(x *ast.CreateFunction) (*Result, error) {
	if len(x.Name) > 1 {
		return nil, &bind.Error{Span: x.Name.Extent(), Msg: "a system function is in no catalog"}
	}
	name := x.Name.Last().Name
	isThere := s.functions.has(name)
	switch {
	case isThere && x.IfNotExists, !isThere && x.IfExists:
		return done, nil
	case isThere && !x.Alter:
		return nil, &bind.Error{Span: x.Name.Extent(), Msg: "there is a system function " + name + " already"}
	case !isThere && x.Alter:
		return nil, &bind.Error{Span: x.Name.Extent(), Msg: "there is no temporary system function " + name}
	}
	s.functions.system[strings.ToUpper(name)] = s.functions.resolve(x.As)
	return done, nil
}

func (s *Session) dropFunction(ctx context.Context, x *ast.Drop) (*Result, error) {
	if x.System {
		key := strings.ToUpper(x.Name.Last().Name)
		if s.functions.system[key] == "" && !x.IfExists {
			e := &bind.Error{Span: x.Name.Extent(), Msg: "there is no temporary system function " + x.Name.Last().Name}
			if s.functions.has(key) {
				e.Hint = "the program has registered it"
			}
			return nil, e
		}
		delete(s.functions.system, key)
		return done, nil
	}
	p, err := s.catalog.Resolve(x.Name.Strings())
	if err == nil {
		err = s.catalog.DropFunction(ctx, p, x.Temporary)
	}
	if x.IfExists && err != nil && catalog.IsMissing(err) {
		err = nil
	}
	return done, at(x.Name, err)
}

// showFunctions are the functions that a name without a catalog can mean: those of the database, those of the program, and
// the built-in ones unless only USER FUNCTIONS are wanted.
func (s *Session) showFunctions(x *ast.Show) (*Result, error) {
	in, database, err := s.databaseIn(x)
	if err != nil {
		return nil, err
	}
	names, err := s.catalog.Functions(in, database)
	if err != nil {
		return nil, at(x.Of, err)
	}
	for _, n := range s.functions.Names() {
		names = append(names, strings.ToLower(n))
	}
	if x.What == "FUNCTIONS" {
		for _, n := range append(builtin.Names(), agg.Names()...) {
			if n[0] >= 'A' && n[0] <= 'Z' && !strings.Contains(n, " ") {
				names = append(names, strings.ToLower(n))
			}
		}
	}
	slices.Sort(names)
	return list(x, "function name", slices.Compact(names))
}

// describeFunction says what a function is.
func (s *Session) describeFunction(x *ast.Describe) (*Result, error) {
	name := x.Name.Last().Name
	var as string
	var f *catalog.Function
	isBuiltin := false
	if len(x.Name) == 1 {
		isBuiltin = builtin.Lookup(name) != nil || agg.Lookup(name) != nil
		if s.functions.has(name) {
			as = s.functions.resolve(name)
		}
	}
	if as == "" && !isBuiltin {
		if f = s.catalog.Function(x.Name.Strings()); f == nil {
			return nil, &bind.Error{Span: x.Name.Extent(), Msg: "there is no function " + strings.Join(x.Name.Strings(), "."), Hint: bind.RegisteredHint(s.functions.Names())}
		}
		as = f.As
	}
	rows := [][]string{
		{"is system function", strconv.FormatBool(f == nil)}, {"is temporary", strconv.FormatBool(f == nil && as != "" || f != nil && f.Temporary)},
	}
	if as != "" {
		rows = append(rows, []string{"function name", as}, []string{"function language", "GO"})
	}
	if x.Extended {
		rows = append(rows, []string{"kind", s.functions.kind(as, name)})
	}
	return infos(rows), nil
}

// infos is a result of names with values.
func infos(rows [][]string) *Result { return texts([]string{"info name", "info value"}, rows) }

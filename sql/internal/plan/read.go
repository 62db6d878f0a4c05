package plan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"reflect"
	"slices"
	"time"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/catalog"
	"github.com/flott-dev/flott/sql/internal/exec"
	"github.com/flott-dev/flott/sql/internal/logical"
	"github.com/flott-dev/flott/sql/internal/opjson"
	"github.com/flott-dev/flott/sql/internal/physical"
)

// Config is what a plan needs of the session that it is read in.
type Config struct {
	Functions opjson.Functions
	// Objects is what is taken from the file of tables: All, AllEnforced or Identifier.
	Objects string
	// Table finds a table in the catalog.
	Table func(path []string) (*catalog.Table, error)
	// Zone finds a time zone, of the option table.local-time-zone.
	Zone func(name string) (*time.Location, error)
	// Lookup finds the ways of looking up, as that of physical.Config.
	Lookup func(t *catalog.Table, options map[string]string, keys, project []int) (exec.Lookups, exec.LookupOptions, error)
}

// Error is why a plan cannot be read, and what to do.
type Error struct{ Msg, Hint string }

func (e *Error) Error() string { return e.Msg + "; " + e.Hint }

// damaged is about a file that is not what Write writes.
func damaged(format string, args ...any) error {
	return &Error{Msg: "the plan is damaged: " + fmt.Sprintf(format, args...), Hint: "restore the file from a copy, or compile it again"}
}

// File is a plan that is not read yet, but for its options.
type File struct {
	// Options are those of the session that the plan depends on.
	Options map[string]string
	tree    map[string]any
}

// Open reads the outside of a plan.
func Open(data []byte) (*File, error) {
	tree, err := parseFile(data)
	if err != nil {
		return nil, err
	}
	f := &File{tree: tree}
	if err := (&opjson.Decoder{}).Struct(tree["options"], &f.Options); err != nil {
		return nil, damaged("options: %v", err)
	}
	return f, nil
}

// Read reads the operators, and returns the ends of the plan.
func (f *File) Read(c *Config) ([]*physical.Rel, error) {
	zone, err := c.Zone(f.Options["table.local-time-zone"])
	if err != nil {
		return nil, damaged("%v", err)
	}
	r := &reader{Config: c, decoder: opjson.Decoder{Functions: c.Functions, Zone: zone}}
	for _, tree := range list(f.tree["tables"]) {
		var t table
		if err := r.decoder.Struct(tree, &t); err != nil {
			return nil, damaged("tables: %v", err)
		}
		made, err := c.table(&t)
		if err != nil {
			return nil, explained(err)
		}
		r.tables = append(r.tables, made)
	}
	var ends []*physical.Rel
	for i, tree := range list(f.tree["operators"]) {
		made, err := r.operator(tree, i+1)
		if err != nil {
			return nil, explained(fmt.Errorf("operator %d: %w", i+1, err))
		}
		r.made = append(r.made, made)
		if made.Sink != nil {
			ends = append(ends, made)
		}
	}
	if len(ends) == 0 {
		return nil, damaged("it writes nothing")
	}
	return ends, nil
}

// explained is an error that says what to do.
func explained(err error) error {
	var e *Error
	var unknown *opjson.MissingFunctionError
	switch {
	case errors.As(err, &e):
		return e
	case errors.As(err, &unknown):
		return &Error{Msg: unknown.Error(), Hint: "add it to the session with sql.Functions"}
	}
	return damaged("%v", err)
}

func list(tree any) []any {
	l, _ := tree.([]any)
	return l
}

// parseFile reads the JSON and checks the version.
func parseFile(data []byte) (map[string]any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var file map[string]any
	if err := d.Decode(&file); err != nil {
		var syntax *json.SyntaxError
		if errors.As(err, &syntax) {
			return nil, damaged("line %d: %v", 1+bytes.Count(data[:min(int(syntax.Offset), len(data))], []byte("\n")), err)
		}
		return nil, damaged("%v", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, damaged("there is something behind it")
	}
	number, _ := file["flottPlan"].(json.Number)
	version, err := number.Int64()
	switch {
	case err != nil || version < 1:
		return nil, &Error{Msg: "the file is no plan of Flott", Hint: "COMPILE PLAN makes one"}
	case version > Version:
		return nil, &Error{
			Msg:  fmt.Sprintf("the plan has version %d, and this release reads plans up to version %d", version, Version),
			Hint: "run it with the release that has compiled it, or a later one, or compile it again",
		}
	}
	for key := range file {
		if !slices.Contains([]string{"flottPlan", "options", "tables", "operators"}, key) {
			return nil, damaged("there is no field %s", key)
		}
	}
	return file, nil
}

type reader struct {
	*Config
	decoder opjson.Decoder
	tables  []*catalog.Table
	made    []*physical.Rel
}

// operator reads an operator, whose inputs are there.
func (r *reader) operator(tree any, id int) (*physical.Rel, error) {
	m, _ := tree.(map[string]any)
	own := maps.Clone(m)
	for _, key := range []string{"operator", "values", "source", "lookup", "sink"} {
		delete(own, key)
	}
	var o operator
	if err := r.decoder.Struct(own, &o); err != nil {
		return nil, err
	}
	if o.ID != id {
		return nil, fmt.Errorf("it has the number %d", o.ID)
	}
	rel := &physical.Rel{UID: o.UID, Name: o.Name, Detail: o.Detail, Cols: o.Columns, Kinds: o.Changes, Keys: o.Keys, Grows: o.Grows}
	for _, in := range o.Inputs {
		kind := slices.Index(distributions, in.Distribution)
		if in.ID < 1 || in.ID > len(r.made) || kind < 0 {
			return nil, fmt.Errorf("it has the input %d, distributed by %q", in.ID, in.Distribution)
		}
		from := r.made[in.ID-1]
		if slices.ContainsFunc(in.Keys, func(k int) bool { return k < 0 || k >= len(from.Cols) }) {
			return nil, fmt.Errorf("its input has no columns %v", in.Keys)
		}
		rel.Ins = append(rel.Ins, from)
		rel.Dist = append(rel.Dist, physical.Distribution{Kind: physical.DistKind(kind), Keys: in.Keys})
	}
	for _, f := range o.Columns {
		if f.Type == nil {
			return nil, fmt.Errorf("its column %s has no type", f.Name)
		}
	}
	if err := r.parts(rel, m); err != nil {
		return nil, err
	}
	return rel, check(rel)
}

// parts reads what an operator is: one of package exec, a source or a sink.
func (r *reader) parts(rel *physical.Rel, m map[string]any) error {
	var err error
	if tree, ok := m["operator"]; ok {
		op, err := r.decoder.Op(tree)
		if err != nil {
			return err
		}
		if rel.Op, ok = op.(exec.Op); !ok {
			return fmt.Errorf("it is no operator but %T", op)
		}
	}
	if tree, ok := m["values"]; ok {
		op, err := r.decoder.Op(tree)
		if err != nil {
			return err
		}
		if rel.Values, ok = op.(*exec.Values); !ok {
			return fmt.Errorf("its values are %T", op)
		}
	}
	if tree, ok := m["source"]; ok {
		var scan logical.Scan
		t, err := r.withTable(tree, &scan)
		if err != nil {
			return err
		}
		if t == nil || len(scan.Reads) != len(rel.Cols) || slices.ContainsFunc(scan.Reads, func(c int) bool { return c < 0 || c >= len(t.Columns) }) {
			return fmt.Errorf("the table does not have the columns %v", scan.Reads)
		}
		types := make([]*row.Type, len(rel.Cols))
		for i, c := range rel.Cols {
			types[i] = c.Type
		}
		rel.Source = &physical.Source{Table: t, Scan: logical.NewScan(ast.Span{}, t, merged(t.Options, scan.Options), scan.Reads).Narrowed(types)}
	}
	if tree, ok := m["lookup"]; ok {
		l := &physical.Lookup{}
		join, isJoin := rel.Op.(*exec.LookupJoin)
		if l.Table, err = r.withTable(tree, l); err != nil {
			return err
		}
		if l.Table == nil || !isJoin {
			return errors.New("its lookup has no table or join")
		}
		l.Options = merged(l.Table.Options, l.Options)
		if join.Lookups, _, err = r.Lookup(l.Table, l.Options, l.Keys, l.Project); err != nil {
			return err
		}
		if isFull := join.Options.Full.Reload != exec.ReloadNever; join.None() || isFull != (join.Scan != nil) {
			return &Error{Msg: fmt.Sprintf("rows of the table %s cannot be looked up by its connector", l.Table.Path), Hint: "compile the plan again"}
		}
		rel.Lookup = l
	}
	if tree, ok := m["sink"]; ok {
		rel.Sink = &physical.Sink{}
		rel.Sink.Table, err = r.withTable(tree, rel.Sink)
	}
	return err
}

// withTable reads what belongs to a table, which is nil where none is named.
func (r *reader) withTable(tree, to any) (*catalog.Table, error) {
	m, _ := tree.(map[string]any)
	own := maps.Clone(m)
	number, ok := own["table"].(json.Number)
	delete(own, "table")
	if err := r.decoder.Struct(own, to); err != nil || !ok {
		return nil, err
	}
	id, err := number.Int64()
	if err != nil || id < 1 || int(id) > len(r.tables) {
		return nil, fmt.Errorf("there is no table %s", number)
	}
	return r.tables[id-1], nil
}

// merged are the options of a table with hints.
func merged(table, hints map[string]string) map[string]string {
	all := maps.Clone(table)
	if all == nil {
		all = map[string]string{}
	}
	maps.Copy(all, hints)
	return all
}

// check reports whether an operator fits its inputs, and can be made.
func check(r *physical.Rel) (err error) {
	kinds := 0
	for _, is := range []bool{r.Op != nil, r.Values != nil, r.Source != nil, r.Sink != nil} {
		if is {
			kinds++
		}
	}
	if kinds != 1 {
		return errors.New("it is not one of operator, values, source and sink")
	}
	isUnion := false
	inputs := map[string]int{}
	switch r.Op.(type) {
	case nil:
		if wants := map[bool]int{true: 1}[r.Sink != nil]; len(r.Ins) != wants {
			return fmt.Errorf("it has %d inputs", len(r.Ins))
		}
		return nil
	case *exec.Union:
		isUnion = true
	case *exec.LookupJoin:
		inputs["Left"] = 0
	default:
		inputs["In"], inputs["Left"], inputs["Right"] = 0, 0, 1
	}
	v := reflect.ValueOf(r.Op).Elem()
	count := 0
	for name, i := range inputs {
		if f := v.FieldByName(name); f.IsValid() {
			count++
			if i >= len(r.Ins) || !sameTypes(f.Interface().([]row.Field), r.Ins[i].Cols) {
				return fmt.Errorf("its input %d has other columns than it takes", i+1)
			}
		}
	}
	if out := v.FieldByName("Out"); out.IsValid() && !sameTypes(out.Interface().([]row.Field), r.Cols) {
		return errors.New("it has other columns than it gives")
	}
	if !isUnion && count != len(r.Ins) {
		return fmt.Errorf("it has %d inputs", len(r.Ins))
	}
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("it cannot be made: %v", p)
		}
	}()
	r.Op.Node()
	return nil
}

func sameTypes(a, b []row.Field) bool {
	return slices.EqualFunc(a, b, func(x, y row.Field) bool { return x.Type != nil && x.Type.Equal(y.Type) })
}

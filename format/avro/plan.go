package avro

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/twmb/avro"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
)

// op is how a value lies in a record.
type op uint8

const (
	opNull op = iota
	opBool
	opInt
	opLong
	opFloat
	opDouble
	opBytes // and strings
	opFixed
	opEnum
	opRecord
	opArray
	opMap
	opUnion
	opRefused // a branch that is not of the column's type
)

// to is how a value is appended.
type to uint8

const (
	toSame to = iota // in the form of the column
	toMillis
	toMicros
	toNanos
	toMillisOfDay // of microseconds
	toDecimal
	toText
)

// step reads a value. Steps of a writer's schema form a tree; those of values that are passed over may be
// a graph, since a type may have itself as a part.
//
//	writer:  record{a long, b union{null, string}, c int}      columns: b STRING, a DOUBLE
//	plan:    record ─ long → Cols[1] ─ union(null → Cols[0] | bytes → Cols[0]) ─ int → nothing
type step struct {
	op      op
	to      to
	form    column.Form
	path    string         // of the field, for errors
	t       *row.Type      // of the column; nil if the value is passed over
	out     *column.Vector // where it goes; nil if the value is passed over
	size    int            // of fixed
	steps   []*step        // fields of a record, in their order there; branches of a union
	places  []int          // of the fields of a record among the columns, or -1
	absent  []int          // columns that the record does not have, which are NULL
	elem    *step          // of an array or map
	symbols []string       // of an enum
	err     error          // why a branch is refused
}

// compile makes the plan by which records of a writer's schema are read into columns.
func compile(writer *avro.SchemaNode, fields []row.Field) (*step, error) {
	c := compiler{named: map[string]*avro.SchemaNode{}, skipped: map[string]*step{}}
	c.collect(writer)
	writer = c.resolve(writer)
	if writer.Type != "record" && writer.Type != "error" {
		return nil, fmt.Errorf("the schema of the records is one of %s, and not of a record, which has columns", describe(writer))
	}
	return c.record(writer, fields, "")
}

type compiler struct {
	named   map[string]*avro.SchemaNode // definitions by full name
	skipped map[string]*step            // steps of named types that are passed over
}

// collect notes the definitions of named types.
func (c *compiler) collect(n *avro.SchemaNode) {
	if n == nil {
		return
	}
	if name := fullName(n); name != "" && c.named[name] == nil {
		c.named[name] = n
	}
	for i := range n.Fields {
		c.collect(&n.Fields[i].Type)
	}
	for i := range n.Branches {
		c.collect(&n.Branches[i])
	}
	c.collect(n.Items)
	c.collect(n.Values)
}

func fullName(n *avro.SchemaNode) string {
	switch n.Type {
	case "record", "error", "enum", "fixed":
	default:
		return ""
	}
	if n.Namespace == "" || strings.Contains(n.Name, ".") {
		return n.Name
	}
	return n.Namespace + "." + n.Name
}

// resolve is the definition that a reference names.
func (c *compiler) resolve(n *avro.SchemaNode) *avro.SchemaNode {
	if d, ok := c.named[n.Type]; ok {
		return d
	}
	return n
}

// record has the fields of a record go to columns of the same names.
func (c *compiler) record(n *avro.SchemaNode, fields []row.Field, path string) (*step, error) {
	s := &step{op: opRecord, form: column.FormRow, path: path}
	have := make([]bool, len(fields))
	for i := range n.Fields {
		f := &n.Fields[i]
		at := slices.IndexFunc(fields, func(c row.Field) bool { return c.Name == f.Name })
		part := c.skip(&f.Type, join(path, f.Name))
		if at >= 0 {
			have[at] = true
			var err error
			if part, err = c.value(&f.Type, fields[at].Type, join(path, f.Name)); err != nil {
				return nil, err
			}
		}
		s.steps, s.places = append(s.steps, part), append(s.places, at)
	}
	var errs []error
	for i, yes := range have {
		switch {
		case yes:
		case fields[i].Type.NotNull:
			errs = append(errs, fmt.Errorf("the records have no field %s, and the column is NOT NULL: declare it without that, or leave it out",
				join(path, fields[i].Name)))
		default:
			s.absent = append(s.absent, i)
		}
	}
	return s, errors.Join(errs...)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// value has a value go to a column of a type.
func (c *compiler) value(n *avro.SchemaNode, t *row.Type, path string) (*step, error) {
	n = c.resolve(n)
	s := &step{path: path, t: t, form: column.FormOf(t)}
	wrong := fmt.Errorf("field %s is %s in the records, which is not read as %s", path, describe(n), t)
	var err error
	switch n.Type {
	case "union":
		return c.union(n, t, path)
	case "record", "error":
		if t.Kind != row.Row {
			return nil, wrong
		}
		if s, err = c.record(n, t.Fields, path); err == nil {
			s.t = t
		}
		return s, err
	case "array":
		if t.Kind != row.Array {
			return nil, wrong
		}
		s.op = opArray
		s.elem, err = c.value(n.Items, t.Elem, path)
		return s, err
	case "map":
		elem := t.Elem
		switch {
		case t.Kind == row.Map && t.Key.IsText():
		case t.Kind == row.Multiset && t.Elem.IsText():
			elem = multisetCount
		default:
			return nil, wrong
		}
		s.op = opMap
		s.elem, err = c.value(n.Values, elem, path)
		return s, err
	case "null":
		if t.NotNull {
			return nil, fmt.Errorf("field %s may be NULL in the records, and the column is NOT NULL", path)
		}
		return s, nil // opNull
	}
	if !s.scalar(n, t) {
		if t.Kind == row.Decimal && n.LogicalType == "decimal" {
			wrong = fmt.Errorf("%w: declare DECIMAL(%d, %d)", wrong, min(n.Precision, row.MaxPrecision), n.Scale)
		}
		return nil, wrong
	}
	return s, nil
}

// scalar says how a value without parts goes to a column of a type; it returns false if it does not.
func (s *step) scalar(n *avro.SchemaNode, t *row.Type) (ok bool) {
	switch n.Type {
	case "boolean":
		s.op, ok = opBool, t.Kind == row.Boolean
	case "int":
		s.op, ok = opInt, t.IsInteger() || t.IsApproximate() || t.Kind == row.Date || t.Kind == row.Time && n.LogicalType != "date"
	case "long":
		s.op = opLong
		s.to, ok = long(n, t)
	case "float":
		s.op, ok = opFloat, t.IsApproximate()
	case "double":
		s.op, ok = opDouble, t.Kind == row.Double
	case "string":
		s.op, ok = opBytes, t.IsText() || t.IsBinary()
	case "bytes", "fixed":
		if s.op = opBytes; n.Type == "fixed" {
			s.op, s.size = opFixed, n.Size
		}
		ok = t.IsBinary() || t.IsText() && n.Type == "bytes"
		if t.Kind == row.Decimal {
			s.to, ok = toDecimal, n.LogicalType != "decimal" || n.Scale == t.Scale
		}
	case "enum":
		s.op, s.symbols, ok = opEnum, n.Symbols, t.IsText()
	}
	if s.to == toSame && t.IsText() {
		s.to = toText
	}
	return ok
}

// long is how a long goes to a column of a type. The unit of a timestamp is the writer's, which says it,
// or what the precision asks for.
func long(n *avro.SchemaNode, t *row.Type) (to, bool) {
	switch {
	case t.Kind == row.BigInt || t.IsApproximate():
		return toSame, true
	case t.Kind == row.Time && n.LogicalType == "time-micros":
		return toMillisOfDay, true
	case !t.IsTimestamp():
		return 0, false
	}
	switch {
	case strings.HasSuffix(n.LogicalType, "timestamp-millis"):
		return toMillis, true
	case strings.HasSuffix(n.LogicalType, "timestamp-micros"):
		return toMicros, true
	case strings.HasSuffix(n.LogicalType, "timestamp-nanos"):
		return toNanos, true
	case millis(t):
		return toMillis, true
	}
	return toMicros, true
}

// union has the branches go to a column that are of its type; the others are errors when they come.
func (c *compiler) union(n *avro.SchemaNode, t *row.Type, path string) (*step, error) {
	s := &step{op: opUnion, path: path, t: t, form: column.FormOf(t)}
	var errs []error
	for i := range n.Branches {
		b, err := c.value(&n.Branches[i], t, path)
		if err != nil {
			errs = append(errs, err)
			b = &step{op: opRefused, path: path, err: err}
		}
		s.steps = append(s.steps, b)
	}
	if useful := len(s.steps) - len(errs); useful == 0 || useful == 1 && len(errs) > 0 && s.has(opNull) {
		return nil, errors.Join(errs...)
	}
	return s, nil
}

func (s *step) has(o op) bool {
	return slices.ContainsFunc(s.steps, func(b *step) bool { return b.op == o })
}

var plain = map[string]op{
	"null": opNull, "boolean": opBool, "int": opInt, "long": opLong, "float": opFloat, "double": opDouble, "string": opBytes, "bytes": opBytes,
}

// skip passes a value over.
func (c *compiler) skip(n *avro.SchemaNode, path string) *step {
	n = c.resolve(n)
	if o, ok := plain[n.Type]; ok {
		return &step{op: o, path: path}
	}
	name := fullName(n)
	if name != "" && c.skipped[name] != nil {
		return c.skipped[name]
	}
	s := &step{path: path}
	if name != "" {
		c.skipped[name] = s
	}
	switch n.Type {
	case "fixed":
		s.op, s.size = opFixed, n.Size
	case "enum":
		s.op, s.symbols = opEnum, n.Symbols
	case "record", "error":
		s.op = opRecord
		for i := range n.Fields {
			s.steps = append(s.steps, c.skip(&n.Fields[i].Type, join(path, n.Fields[i].Name)))
		}
	case "union":
		s.op = opUnion
		for i := range n.Branches {
			s.steps = append(s.steps, c.skip(&n.Branches[i], path))
		}
	case "array":
		s.op, s.elem = opArray, c.skip(n.Items, path)
	case "map":
		s.op, s.elem = opMap, c.skip(n.Values, path)
	}
	return s
}

// describe is a type as errors name it.
func describe(n *avro.SchemaNode) string {
	if n.LogicalType == "decimal" {
		return fmt.Sprintf("%s (decimal with precision %d and scale %d)", n.Type, n.Precision, n.Scale)
	}
	if n.LogicalType != "" {
		return fmt.Sprintf("%s (%s)", n.Type, n.LogicalType)
	}
	return n.Type
}

// bind has the values of a plan go to columns.
func (s *step) bind(cols []*column.Vector) {
	for i, part := range s.steps {
		if s.places[i] >= 0 {
			part.bindTo(cols[s.places[i]])
		}
	}
}

// bindTo has the values of a step go to a vector.
func (s *step) bindTo(v *column.Vector) {
	s.out = v
	switch s.op {
	case opRecord:
		s.bind(v.Children)
	case opUnion:
		for _, b := range s.steps {
			b.bindTo(v)
		}
	case opArray:
		s.elem.bindTo(v.Children[0])
	case opMap:
		s.elem.bindTo(v.Children[1])
	}
}

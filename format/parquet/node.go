package parquet

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
	pqformat "github.com/parquet-go/parquet-go/format"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
)

// op is how a value is appended.
type op uint8

const (
	opNone op = iota
	opBool
	opI32
	opI32AsI64
	opU32AsI64
	opI64
	opF32
	opF32AsF64
	opF64
	opText
	opBytes
	opMillis
	opMicros
	opNanos
	opInt96
	opTimeMicros
	opTimeNanos
	opDecimal32
	opDecimal64
	opDecimal
)

// node puts values of leaves together to one of a column.
type node struct {
	path string
	t    *row.Type
	def  byte // the least level of a value that is not NULL
	// of an array or a map: the least level with which it has an element, and that of repetition of those behind the first
	elemDef, elemRep byte
	parts            []*node // fields of a ROW, or the element, or key and value
	places           []int   // of the fields among those of the ROW
	absent           []int   // fields that the file does not have
	leaf             *leaf   // of a value without parts
	leaves           []*leaf // all below
	out              *column.Vector
}

// planner finds the columns of a file.
type planner struct {
	zone   *time.Location
	leaves []*leaf
}

// fields have fields of a group go to columns of their names.
func (p *planner) fields(group *parquet.Column, columns []row.Field, path string) (parts []*node, places, absent []int, err error) {
	var errs []error
	for i, f := range columns {
		c := group.Column(f.Name)
		name := f.Name
		if path != "" {
			name = path + "." + f.Name
		}
		switch {
		case c == nil && f.Type.NotNull:
			errs = append(errs, fmt.Errorf("it has no column %s, which is NOT NULL: declare it without that, or leave it out", name))
		case c == nil:
			absent = append(absent, i)
		default:
			n, err := p.node(c, f.Type, name)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			parts, places = append(parts, n), append(places, i)
		}
	}
	return parts, places, absent, errors.Join(errs...)
}

// node has a column of the file go to one of a type.
func (p *planner) node(c *parquet.Column, t *row.Type, path string) (n *node, err error) {
	wrong := fmt.Errorf("column %s is %s in the file, which is not read as %s", path, describe(c), t)
	n = &node{path: path, t: t, def: byte(c.MaxDefinitionLevel())}
	first := len(p.leaves)
	switch {
	case c.Repeated() && t.Kind == row.Array: // without a group around it
		n.def = byte(c.MaxDefinitionLevel()) - 1
		n.elemDef, n.elemRep = byte(c.MaxDefinitionLevel()), byte(c.MaxRepetitionLevel())
		err = p.element(n, c, wrong)
	case c.Repeated():
		return nil, wrong
	case t.Kind == row.Array || t.Kind == row.Map || t.Kind == row.Multiset:
		if c.Leaf() || len(c.Columns()) != 1 || !c.Columns()[0].Repeated() {
			return nil, wrong
		}
		r := c.Columns()[0]
		n.elemDef, n.elemRep = byte(r.MaxDefinitionLevel()), byte(r.MaxRepetitionLevel())
		if t.Kind == row.Array {
			err = p.element(n, elementOf(r), wrong)
			break
		}
		if r.Leaf() || len(r.Columns()) != 2 {
			return nil, wrong
		}
		key, elem := t.Key, t.Elem
		if t.Kind == row.Multiset {
			key, elem = t.Elem, row.Of(row.Int)
		}
		for i, t := range []*row.Type{key, elem} {
			part, err := p.node(r.Columns()[i], t, path)
			if err != nil {
				return nil, err
			}
			n.parts = append(n.parts, part)
		}
	case t.Kind == row.Row:
		if c.Leaf() {
			return nil, wrong
		}
		n.parts, n.places, n.absent, err = p.fields(c, t.Fields, path)
		if err == nil && len(p.leaves) == first { // some column tells whether it is NULL
			for !c.Leaf() {
				c = c.Columns()[0]
			}
			p.leaves = append(p.leaves, &leaf{path: path, index: c.Index(), maxDef: byte(c.MaxDefinitionLevel())})
		}
	default:
		o := opNone
		if c.Leaf() {
			o = opOf(c, t)
		}
		if o == opNone {
			return nil, wrong
		}
		n.leaf = &leaf{path: path, index: c.Index(), maxDef: byte(c.MaxDefinitionLevel()), op: o, t: t, zone: p.zone}
		p.leaves = append(p.leaves, n.leaf)
	}
	n.leaves = p.leaves[first:]
	return n, err
}

// element adds the element of an array.
func (p *planner) element(n *node, c *parquet.Column, wrong error) error {
	if c.Repeated() { // it is the element itself
		if !c.Leaf() && n.t.Elem.Kind == row.Row {
			e := &node{path: n.path, t: n.t.Elem, def: byte(c.MaxDefinitionLevel())}
			var err error
			first := len(p.leaves)
			e.parts, e.places, e.absent, err = p.fields(c, n.t.Elem.Fields, n.path)
			if e.leaves = p.leaves[first:]; len(e.leaves) == 0 {
				return errors.Join(err, wrong)
			}
			n.parts = []*node{e}
			return err
		}
		o := opNone
		if c.Leaf() {
			o = opOf(c, n.t.Elem)
		}
		if o == opNone {
			return wrong
		}
		l := &leaf{path: n.path, index: c.Index(), maxDef: byte(c.MaxDefinitionLevel()), op: o, t: n.t.Elem, zone: p.zone}
		p.leaves = append(p.leaves, l)
		n.parts = []*node{{path: n.path, t: n.t.Elem, def: l.maxDef, leaf: l, leaves: []*leaf{l}}}
		return nil
	}
	e, err := p.node(c, n.t.Elem, n.path)
	n.parts = []*node{e}
	return err
}

// elementOf is the element of a list, by the rules for lists of old writers.
func elementOf(r *parquet.Column) *parquet.Column {
	if r.Leaf() || len(r.Columns()) != 1 || r.Name() == "array" || strings.HasSuffix(r.Name(), "_tuple") {
		return r
	}
	return r.Columns()[0]
}

// opOf is how values of a column of the file are read as a type.
func opOf(c *parquet.Column, t *row.Type) op {
	var logical pqformat.LogicalTypeValue
	if l := c.Type().LogicalType(); l != nil {
		logical = l.Value
	}
	if d, ok := logical.(*pqformat.DecimalType); ok != (t.Kind == row.Decimal) || ok && int(d.Scale) != t.Scale {
		if ok || t.Kind != row.Decimal || t.Scale != 0 {
			return opNone
		}
	}
	switch c.Type().Kind() {
	case parquet.Boolean:
		return when(opBool, t.Kind == row.Boolean)
	case parquet.Int32:
		return opOfInt32(logical, t)
	case parquet.Int64:
		return opOfInt64(logical, t)
	case parquet.Int96:
		return when(opInt96, t.IsTimestamp())
	case parquet.Float:
		if t.Kind == row.Double {
			return opF32AsF64
		}
		return when(opF32, t.Kind == row.Float)
	case parquet.Double:
		return when(opF64, t.Kind == row.Double)
	case parquet.ByteArray, parquet.FixedLenByteArray:
		switch {
		case t.IsText() && c.Type().Kind() == parquet.ByteArray:
			return opText
		case t.Kind == row.Decimal:
			return when(opDecimal, logical != nil)
		}
		return when(opBytes, t.IsBinary())
	}
	return opNone
}

func when(o op, yes bool) op {
	if yes {
		return o
	}
	return opNone
}

func opOfInt32(logical pqformat.LogicalTypeValue, t *row.Type) op {
	bits, signed := int8(32), true
	switch l := logical.(type) {
	case *pqformat.IntType:
		bits, signed = l.BitWidth, l.IsSigned
	case *pqformat.DateType:
		return when(opI32, t.Kind == row.Date)
	case *pqformat.TimeType:
		return when(opI32, t.Kind == row.Time)
	}
	if !signed {
		bits *= 2 // what has room for all
	}
	switch t.Kind {
	case row.TinyInt:
		return when(opI32, bits <= 8)
	case row.SmallInt:
		return when(opI32, bits <= 16)
	case row.Int:
		return when(opI32, bits <= 32)
	case row.BigInt:
		if !signed {
			return opU32AsI64
		}
		return opI32AsI64
	case row.Decimal:
		return opDecimal32
	}
	return opNone
}

func opOfInt64(logical pqformat.LogicalTypeValue, t *row.Type) op {
	switch l := logical.(type) {
	case *pqformat.TimestampType:
		return when(map[string]op{"MILLIS": opMillis, "MICROS": opMicros, "NANOS": opNanos}[l.Unit.String()], t.IsTimestamp())
	case *pqformat.TimeType:
		return when(map[string]op{"MICROS": opTimeMicros, "NANOS": opTimeNanos}[l.Unit.String()], t.Kind == row.Time)
	case *pqformat.IntType:
		return when(opI64, t.Kind == row.BigInt && l.IsSigned)
	}
	if t.Kind == row.Decimal {
		return opDecimal64
	}
	return when(opI64, t.Kind == row.BigInt)
}

// describe is a column of the file as errors name it.
func describe(c *parquet.Column) string {
	text := "a group"
	if c.Leaf() {
		text = c.Type().Kind().String()
		if l := c.Type().LogicalType(); l != nil && l.Value != nil {
			text = fmt.Sprintf("%s (%s)", text, l)
		}
	}
	if c.Repeated() {
		return "repeated " + text
	}
	return text
}

// bind has values go to a vector.
func (n *node) bind(v *column.Vector) {
	n.out = v
	switch {
	case n.leaf != nil:
		n.leaf.out = v
	case n.t.Kind == row.Row:
		for i, part := range n.parts {
			part.bind(v.Children[n.places[i]])
		}
	default:
		for i, part := range n.parts {
			part.bind(v.Children[i])
		}
	}
}

// rows appends n values of a column of the table.
func (n *node) rows(count int) error {
	if n.leaf != nil && len(n.leaves) == 1 && n.leaf.op != opNone {
		if err := n.leaf.flat(count); err != nil {
			return fmt.Errorf("column %s: %w", n.path, err)
		}
		return nil
	}
	for range count {
		for _, l := range n.leaves {
			if err := l.fill(); err == io.EOF {
				return fmt.Errorf("column %s: %w", l.path, errShort)
			} else if err != nil {
				return fmt.Errorf("column %s: %w", l.path, err)
			}
		}
		if err := n.value(); err != nil {
			return err
		}
	}
	return nil
}

// value appends one value; its leaves are filled, and stand at its beginning.
func (n *node) value() error {
	def, _ := n.leaves[0].level()
	switch {
	case def < n.def:
		if n.t.NotNull {
			return fmt.Errorf("column %s: %w", n.path, errNotNull)
		}
		n.out.AppendNull()
		n.pass()
		return nil
	case n.leaf != nil:
		l := n.leaf
		l.at++
		if err := l.run(1); err != nil {
			return fmt.Errorf("column %s: %w", n.path, err)
		}
		return nil
	case n.t.Kind == row.Row:
		return n.row()
	}
	return n.list(def)
}

// pass passes over a value of each leaf.
func (n *node) pass() {
	for _, l := range n.leaves {
		l.next()
	}
}

func (n *node) row() error {
	for _, part := range n.parts {
		if err := part.value(); err != nil {
			return err
		}
	}
	if len(n.parts) == 0 {
		n.pass()
	}
	for _, at := range n.absent {
		n.out.Children[at].AppendNull()
	}
	n.out.EndRow()
	return nil
}

func (n *node) list(def byte) error {
	if def < n.elemDef {
		n.pass()
		n.out.EndList()
		return nil
	}
	for more := true; more; {
		for _, part := range n.parts {
			if err := part.value(); err != nil {
				return err
			}
		}
		for i, l := range n.leaves {
			err := l.fill()
			if err != nil && err != io.EOF {
				return fmt.Errorf("column %s: %w", l.path, err)
			}
			again := false
			if err == nil {
				_, rep := l.level()
				again = rep >= n.elemRep
			}
			if i > 0 && again != more {
				return fmt.Errorf("column %s: arrays of two columns are not as long as each other", l.path)
			}
			more = again
		}
	}
	n.out.EndList()
	return nil
}

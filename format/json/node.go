package json

import (
	"encoding/binary"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
)

// op is how a value is read.
type op uint8

const (
	opNone op = iota
	opBool
	opSmall // TINYINT and SMALLINT
	opInt   // INT and BIGINT
	opFloat
	opDouble
	opDecimal
	opDate
	opTime
	opTimestamp
	opLTZ
	opText
	opBytes
	opRow
	opArray
	opMap
)

func opOf(t *row.Type) op {
	switch t.Kind {
	case row.Boolean:
		return opBool
	case row.TinyInt, row.SmallInt:
		return opSmall
	case row.Int, row.BigInt:
		return opInt
	case row.Float:
		return opFloat
	case row.Double:
		return opDouble
	case row.Decimal:
		return opDecimal
	case row.Date:
		return opDate
	case row.Time:
		return opTime
	case row.Timestamp:
		return opTimestamp
	case row.TimestampLTZ:
		return opLTZ
	case row.Char, row.Varchar:
		return opText
	case row.Binary, row.Varbinary:
		return opBytes
	case row.Row:
		return opRow
	case row.Array:
		return opArray
	case row.Map, row.Multiset:
		return opMap
	}
	return opNone
}

// node is a column, a field, or the elements of one, with where its values go.
type node struct {
	op   op
	bits int // of whole numbers
	t    *row.Type
	path string
	out  *column.Vector // nil: values are checked only

	fields []field        // of a row
	byName map[string]int // in fields
	seen   []uint64       // which of the fields the object has so far, where there are more than 64
	// tracks has present tell of each field of each object whether the object has it.
	tracks  bool
	present []bool

	elem *node          // of an array; the value of a map
	keys *column.Vector // of a map
}

type field struct {
	name string
	key  key
	*node
}

// key is how a field begins, "name":, with what finds it quickly.
type key struct {
	text       string
	head, last uint64 // its first eight bytes, and the eight from at on, as far as there are so many
	mask       uint64 // of those
	at         int
	most       int // bytes that are read to compare it, with one before it
}

func newKey(text string) key {
	k := key{text: text, mask: ^uint64(0), at: max(0, len(text)-8)}
	if len(text) < 8 {
		k.mask >>= 8 * (8 - len(text))
	}
	var head, last [8]byte
	copy(head[:], text)
	copy(last[:], text[k.at:])
	k.head, k.last = binary.LittleEndian.Uint64(head[:]), binary.LittleEndian.Uint64(last[:])
	k.most = 1 + k.at + 8
	return k
}

func newNode(t *row.Type, path string) *node {
	n := &node{op: opOf(t), t: t, path: path}
	switch t.Kind {
	case row.TinyInt:
		n.bits = 8
	case row.SmallInt:
		n.bits = 16
	case row.Int:
		n.bits = 32
	case row.BigInt:
		n.bits = 64
	case row.Row:
		n.setFields(t.Fields)
	case row.Array, row.Map:
		n.elem = newNode(t.Elem, path)
	case row.Multiset:
		n.elem = newNode(row.Of(row.Int), path)
	}
	return n
}

func (n *node) setFields(fields []row.Field) {
	n.byName = map[string]int{}
	for i, f := range fields {
		path := f.Name
		if n.path != "" {
			path = n.path + "." + f.Name
		}
		n.fields = append(n.fields, field{f.Name, newKey(`"` + f.Name + `":`), newNode(f.Type, path)})
		n.byName[f.Name] = i
	}
	if len(fields) > 64 {
		n.seen = make([]uint64, (len(fields)+63)/64)
	}
}

// bind makes values go to a vector. Fields of a ROW that the vector does not have are checked only.
func (n *node) bind(v *column.Vector) {
	n.out = v
	switch n.op {
	case opRow:
		c := 0
		for i := range n.fields {
			if c == len(v.Children) || v.Type.Fields[c].Name != n.fields[i].name {
				n.fields[i].unbind()
				continue
			}
			n.fields[i].bind(v.Children[c])
			c++
		}
	case opArray:
		n.elem.bind(v.Children[0])
	case opMap:
		n.keys = v.Children[0]
		n.elem.bind(v.Children[1])
	}
}

// unbind makes values be checked only.
func (n *node) unbind() {
	n.out, n.keys = nil, nil
	for i := range n.fields {
		n.fields[i].unbind()
	}
	if n.elem != nil {
		n.elem.unbind()
	}
}

// null appends NULL.
func (n *node) null() {
	if n.out != nil {
		n.out.AppendNull()
	}
}

package protobuf

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/internal/valuetext"
	"github.com/flott-dev/flott/row"
)

// decoder reads messages into the columns of a batch.
type decoder struct {
	root   *node
	ignore bool
	bound  []*column.Vector
	err    error
}

// Decode appends the row of a message; one that is nil, a tombstone, is none.
//
//flott:hot
func (d *decoder) Decode(record []byte, b *column.Batch) error {
	if record == nil {
		return nil
	}
	if !slices.Equal(d.bound, b.Cols) {
		d.bound = append(d.bound[:0], b.Cols...)
		d.root.bind(b.Cols)
	}
	if !d.message(d.root, record) {
		err := d.err
		b.Truncate(b.N)
		if d.err = nil; d.ignore {
			return nil
		}
		return err
	}
	b.N++
	if b.Kinds != nil {
		b.Kinds = append(b.Kinds, row.Insert)
	}
	return nil
}

// message reads the fields of a message.
//
//flott:hot
func (d *decoder) message(n *node, b []byte) bool {
	for _, f := range n.fields {
		f.value = value{}
	}
	for len(b) > 0 {
		number, wire, size := protowire.ConsumeTag(b)
		if size < 0 {
			return d.fail("", protowire.ParseError(size))
		}
		b = b[size:]
		f := n.find(number)
		if f == nil {
			if size = protowire.ConsumeFieldValue(number, wire, b); size < 0 {
				return d.fail("", protowire.ParseError(size))
			}
			b = b[size:]
			continue
		}
		if size = d.field(n, f, number, wire, b); size < 0 {
			return false
		}
		b = b[size:]
	}
	for _, f := range n.fields {
		if !d.end(f) {
			return false
		}
	}
	return true
}

// field reads the value of a field at the beginning of b, and returns its length, which is negative after an
// error.
//
//flott:hot
func (d *decoder) field(n *node, f *field, number protowire.Number, wire protowire.Type, b []byte) (size int) {
	v := value{has: true}
	switch wire {
	case protowire.VarintType:
		if len(b) > 0 && b[0] < 0x80 {
			v.x, size = uint64(b[0]), 1
		} else {
			v.x, size = protowire.ConsumeVarint(b)
		}
	case protowire.BytesType:
		v.b, size = protowire.ConsumeBytes(b)
	case protowire.Fixed32Type:
		var x uint32
		x, size = protowire.ConsumeFixed32(b)
		v.x = uint64(x)
	case protowire.Fixed64Type:
		v.x, size = protowire.ConsumeFixed64(b)
	default:
		size = protowire.ConsumeFieldValue(number, wire, b)
	}
	if size < 0 {
		d.fail(f.path, protowire.ParseError(size))
		return size
	}
	packed := f.repeated && wire == protowire.BytesType && f.wire != protowire.BytesType
	if wire != f.wire && !packed {
		return size // as if it were not known
	}
	if f.oneof > 0 {
		for _, other := range n.fields {
			if other.oneof == f.oneof && other != f {
				other.value = value{}
			}
		}
	}
	ok := true
	switch {
	case f.at < 0:
	case packed:
		ok = d.packed(f, v.b)
	case f.repeated:
		ok = d.element(f, v)
	case f.message != nil && f.has: // several parts are one message
		f.b = append(f.b[:len(f.b):len(f.b)], v.b...)
	default:
		f.value = v
	}
	if !ok {
		return -1
	}
	return size
}

// packed reads elements that lie side by side.
func (d *decoder) packed(f *field, b []byte) bool {
	for len(b) > 0 {
		v, size := value{}, 0
		switch f.wire {
		case protowire.VarintType:
			v.x, size = protowire.ConsumeVarint(b)
		case protowire.Fixed32Type:
			var x uint32
			x, size = protowire.ConsumeFixed32(b)
			v.x = uint64(x)
		default:
			v.x, size = protowire.ConsumeFixed64(b)
		}
		if size < 0 {
			return d.fail(f.path, protowire.ParseError(size))
		}
		b = b[size:]
		if !d.element(f, v) {
			return false
		}
	}
	return true
}

// element appends an element of an array, or an entry of a map.
func (d *decoder) element(f *field, v value) bool {
	f.has = true
	switch {
	case f.isMap:
		return d.message(f.message, v.b)
	case f.message == nil:
		return d.append(f, f.list, v)
	}
	if !d.message(f.message, v.b) {
		return false
	}
	f.list.EndRow()
	return true
}

// end appends what was met of a field.
//
//flott:hot
func (d *decoder) end(f *field) bool {
	switch {
	case !f.has && f.required:
		return d.fail(f.path, errRequired)
	case !f.has && f.null:
		f.out.AppendNull()
		return true
	case f.isMap:
		dropEqual(f.out)
		f.out.EndList()
		return true
	case f.repeated:
		f.out.EndList()
		return true
	case f.message != nil:
		if !d.message(f.message, f.b) {
			return false
		}
		f.out.EndRow()
		return true
	case !f.has:
		return d.append(f, f.out, f.def)
	}
	return d.append(f, f.out, f.value)
}

var errRequired = errors.New("the field is required, and missing")

// append appends a value that is no message.
//
//flott:hot
func (d *decoder) append(f *field, out *column.Vector, v value) bool {
	switch f.kind {
	case protoreflect.StringKind:
		return d.text(f, out, v.b)
	case protoreflect.BytesKind:
		out.AppendBytes(v.b)
	case protoreflect.BoolKind:
		out.AppendBool(v.x != 0)
	case protoreflect.FloatKind:
		out.AppendF32(math.Float32frombits(uint32(v.x)))
	case protoreflect.DoubleKind:
		out.AppendF64(math.Float64frombits(v.x))
	case protoreflect.EnumKind:
		d.enum(f, out, int32(v.x))
	case protoreflect.Sint32Kind:
		appendInt(f, out, int64(int32(protowire.DecodeZigZag(v.x&math.MaxUint32))))
	case protoreflect.Int32Kind, protoreflect.Sfixed32Kind:
		appendInt(f, out, int64(int32(v.x)))
	case protoreflect.Uint32Kind, protoreflect.Fixed32Kind:
		appendInt(f, out, int64(uint32(v.x)))
	case protoreflect.Sint64Kind:
		out.AppendI64(protowire.DecodeZigZag(v.x))
	default:
		out.AppendI64(int64(v.x))
	}
	return true
}

// appendInt appends a number of 32 bits; as in Java, an INT has no room for the larger half of those without a sign.
func appendInt(f *field, out *column.Vector, x int64) {
	if f.form == column.FormI64 {
		out.AppendI64(x)
	} else {
		out.AppendI32(int32(x))
	}
}

func (d *decoder) enum(f *field, out *column.Vector, x int32) {
	if f.symbols != nil {
		out.AppendString(f.name(x))
		return
	}
	switch out.Type.Kind {
	case row.TinyInt:
		x = int32(int8(x))
	case row.SmallInt:
		x = int32(int16(x))
	}
	appendInt(f, out, int64(x))
}

func (d *decoder) text(f *field, out *column.Vector, b []byte) bool {
	if f.utf8 && !utf8.Valid(b) {
		return d.fail(f.path, errors.New("the text is not UTF-8"))
	}
	out.Data = valuetext.AppendUTF8(out.Data, b)
	out.EndBytes()
	return true
}

func (d *decoder) fail(path string, err error) bool {
	d.err = &format.Error{Field: path, Err: fmt.Errorf("%w; was the record written as another message?", err)}
	return false
}

// dropEqual drops the entries of a map that is not ended whose keys come again later.
func dropEqual(v *column.Vector) {
	keys, values := v.Children[0], v.Children[1]
	first := int(v.Off[v.N])
	equal := false
	for i := first; i < keys.N && !equal; i++ {
		for j := first; j < i && !equal; j++ {
			equal = column.Same(keys, i, keys, j)
		}
	}
	if !equal {
		return
	}
	k, w := column.New(keys.Type), column.New(values.Type)
	for i := first; i < keys.N; i++ {
		last := true
		for j := i + 1; j < keys.N && last; j++ {
			last = !column.Same(keys, i, keys, j)
		}
		if last {
			k.AppendFrom(keys, i)
			w.AppendFrom(values, i)
		}
	}
	keys.Truncate(first)
	values.Truncate(first)
	keys.AppendRange(k, 0, k.N)
	values.AppendRange(w, 0, w.N)
}

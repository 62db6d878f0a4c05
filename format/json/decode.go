package json

import (
	"encoding/binary"
	"errors"
	"slices"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/row"
)

// decoder reads records into the columns of a batch.
type decoder struct {
	settings
	root    *node
	project []int // fields of the root that are kept, in the order of the batch
	bound   []*column.Vector
	lenient bool // values that are wrong are NULL, though records that are wrong are errors
	exact   bool // fractions in texts of objects and arrays are decimals

	b       []byte // the record
	depth   int
	scratch []byte // a text without its escapes
	discard []byte // what is decoded to be checked only
	err     *format.Error
}

func makeDecoder(s settings, schema *row.Schema, project []int) *decoder {
	d := &decoder{settings: s, root: &node{op: opRow}, project: project}
	d.root.setFields(schema.Fields)
	d.exact = hasDecimal(&row.Type{Kind: row.Row, Fields: schema.Fields})
	if project == nil {
		for i := range schema.Fields {
			d.project = append(d.project, i)
		}
	}
	d.bound = make([]*column.Vector, len(d.project))
	return d
}

func hasDecimal(t *row.Type) bool {
	if t == nil {
		return false
	}
	return t.Kind == row.Decimal || hasDecimal(t.Key) || hasDecimal(t.Elem) ||
		slices.ContainsFunc(t.Fields, func(f row.Field) bool { return hasDecimal(f.Type) })
}

// Decode appends the rows of a record: one for an object, any number for an array of objects, none
// for an empty record.
func (d *decoder) Decode(record []byte, b *column.Batch) error {
	d.bind(b.Cols)
	n := b.N
	if d.record(record, b) {
		return nil
	}
	b.Truncate(n)
	err := d.err
	d.err, d.depth = nil, 0
	if d.ignore {
		return nil
	}
	return err
}

// bind makes values go to the columns of a batch, unless they do already.
func (d *decoder) bind(cols []*column.Vector) {
	for i, at := range d.project {
		if d.bound[i] != cols[i] {
			d.bound[i] = cols[i]
			d.root.fields[at].bind(cols[i])
		}
	}
}

func (d *decoder) record(record []byte, b *column.Batch) bool {
	if len(record) == 0 {
		return true
	}
	d.b = record
	i := 0
	if len(record) >= 3 && record[0] == 0xEF && record[1] == 0xBB && record[2] == 0xBF {
		i = 3 // a byte order mark
	}
	if i = space(record, i); i < len(record) && record[i] == '[' {
		return d.records(i, b)
	}
	_, ok := d.row(i, b)
	return ok
}

// records reads an array of objects.
func (d *decoder) records(i int, b *column.Batch) bool {
	if i = space(d.b, i+1); i < len(d.b) && d.b[i] == ']' {
		return true
	}
	for more := true; more; {
		var ok bool
		if i, ok = d.row(i, b); !ok {
			return false
		}
		if i, more, ok = d.next(i, ']'); !ok {
			return false
		}
	}
	return true
}

func (d *decoder) row(i int, b *column.Batch) (end int, ok bool) {
	if i >= len(d.b) || d.b[i] != '{' {
		return 0, d.syntax(i, "an object is expected")
	}
	if end, ok = d.object(d.root, i); !ok {
		return 0, false
	}
	b.N++
	if b.Kinds != nil {
		b.Kinds = append(b.Kinds, row.Insert)
	}
	return end, true
}

// object reads the fields of a row from an object at i.
//
//flott:hot
func (d *decoder) object(n *node, i int) (end int, ok bool) {
	if d.depth++; d.depth > depthMax {
		return 0, d.syntax(i, "values are nested too deeply")
	}
	var seen uint64 // of the first 64 fields
	clear(n.seen)
	b := d.b
	expected, more := 0, true
	if n.seen == nil {
		expected, i = d.inOrder(n, i)
		seen = 1<<expected - 1
	}
	if expected > 0 {
		if i, more, ok = d.next(i, '}'); !ok {
			return 0, false
		}
	} else {
		if i++; i < len(b) && b[i] <= ' ' {
			i = space(b, i)
		}
		if more = i >= len(b) || b[i] != '}'; !more {
			i++
		}
	}
	for more {
		var at int
		if at, i, ok = d.field(n, i, expected); !ok {
			return 0, false
		}
		if at < 0 {
			i, ok = d.skip(i)
		} else {
			f := &n.fields[at]
			if n.seen != nil {
				if n.mark(at) {
					f.again()
				}
			} else {
				if seen>>at&1 != 0 {
					f.again()
				}
				seen |= 1 << at
			}
			expected = at + 1
			if end := d.quick(f.node, i); end > 0 {
				i = end
			} else {
				i, ok = d.value(f.node, i)
			}
		}
		if !ok {
			return 0, false
		}
		if i+1 < len(b) && b[i] == ',' && b[i+1] == '"' {
			i++
			continue
		}
		if i, more, ok = d.next(i, '}'); !ok {
			return 0, false
		}
	}
	d.depth--
	return i, d.missing(n, seen, i)
}

// inOrder reads the fields of an object at i as long as they come in the order of the columns, without white space, and quick reads
// their values: that is what most records are. It returns how many it has read, and where it stands: at the brace if at none, else
// at what comes behind a value.
//
//flott:hot
func (d *decoder) inOrder(n *node, i int) (read, end int) {
	b := d.b
	for at := range n.fields {
		f := &n.fields[at]
		k := &f.key
		if len(b)-i < k.most || at > 0 && b[i] != ',' {
			return at, i
		}
		head, last := binary.LittleEndian.Uint64(b[i+1:])^k.head, binary.LittleEndian.Uint64(b[i+1+k.at:])^k.last
		if (head|last)&k.mask != 0 || k.at > 8 && string(b[i+9:i+1+k.at]) != k.text[8:k.at] {
			return at, i
		}
		end := d.quick(f.node, i+1+len(k.text))
		if end == 0 {
			return at, i
		}
		i = end
	}
	return len(n.fields), i
}

// field reads a key at i: which of the fields it is, -1 for none of them, and where its value is.
//
//flott:hot
func (d *decoder) field(n *node, i, expected int) (at, value int, ok bool) {
	b := d.b[i:]
	for at := expected; at < len(n.fields); at++ {
		if key := n.fields[at].key.text; len(b) >= len(key) && string(b[:len(key)]) == key {
			if i += len(key); i < len(d.b) && d.b[i] <= ' ' {
				i = space(d.b, i)
			}
			return at, i, true
		}
		if at == expected+4 {
			break
		}
	}
	name, value, ok := d.key(i)
	if at, known := n.byName[string(name)]; known {
		return at, value, ok
	}
	return -1, value, ok
}

// mark notes that a field is there, of a row of more than 64, and tells whether it was already.
func (n *node) mark(at int) bool {
	was := n.seen[at>>6]>>(at&63)&1 != 0
	n.seen[at>>6] |= 1 << (at & 63)
	return was
}

// again takes the last value back: of equal keys the last one counts.
func (n *node) again() {
	if n.out != nil {
		n.out.Truncate(n.out.N - 1)
	}
}

// missing makes the fields NULL that an object, which ends at i, does not have.
func (d *decoder) missing(n *node, seen uint64, i int) bool {
	if n.seen == nil && seen+1 == 1<<len(n.fields) && !n.tracks {
		return true
	}
	for at := range n.fields {
		word := seen
		if n.seen != nil {
			word = n.seen[at>>6]
		}
		has := word>>(at&63)&1 != 0
		if n.tracks {
			n.present = append(n.present, has)
		}
		if has {
			continue
		}
		if d.failOnMissing {
			d.err = &format.Error{Column: i, Field: n.fields[at].path, Err: errMissing}
			return false
		}
		n.fields[at].null()
	}
	return true
}

var errMissing = errors.New("the field is missing, and json.fail-on-missing-field is true")

// quick is value for the usual texts, whole numbers and timestamps of milliseconds; it returns 0, and has done nothing,
// for all else.
//
//flott:hot
func (d *decoder) quick(n *node, i int) (end int) {
	b, v := d.b, n.out
	if i+1 >= len(b) {
		return 0
	}
	switch n.op {
	case opText, opTimestamp:
		if b[i] != '"' {
			return 0
		}
		if n.op == opTimestamp {
			if end = i + len(`"2024-01-01 00:00:00.123`); end < len(b) && b[end] == '"' && d.timestamp(n, b[i+1:end]) {
				return end + 1
			}
			return 0
		}
		end = plain(b, i+1)
		if end >= len(b) || b[end] != '"' {
			return 0
		}
		if v != nil {
			v.AppendBytes(b[i+1 : end])
		}
		return end + 1
	case opInt:
		x := int64(b[i] - '0')
		if x > 9 {
			return 0
		}
		for end = i + 1; end < len(b) && b[end]-'0' <= 9; end++ {
			x = x*10 + int64(b[end]-'0')
		}
		// 9 digits are an INT, 18 a BIGINT; a zero in front is not JSON.
		if end-i > n.bits/32*9 || end == len(b) || b[end] != ',' && b[end] != '}' || b[i] == '0' && end > i+1 {
			return 0
		}
		if v != nil {
			appendInt(v, x, n.bits)
		}
		return end
	}
	return 0
}

// value reads a value at i and appends it. What is not of the type is an error, or NULL if errors are
// ignored; what is not JSON always ends the record.
//
//flott:hot
func (d *decoder) value(n *node, i int) (end int, ok bool) {
	if i >= len(d.b) {
		return 0, d.syntax(i, "a value is expected")
	}
	switch c := d.b[i]; {
	case c == '"':
		end, slants, ok := d.text(i + 1)
		if !ok {
			return 0, false
		}
		s := d.b[i+1 : end]
		if n.op == opText {
			if n.out != nil {
				appendText(n.out, s, slants)
			}
			return end + 1, true
		}
		if slants {
			d.scratch = unescape(d.scratch[:0], s)
			s = d.scratch
		}
		return end + 1, d.convert(n, s) || d.bad(n, i, end+1)
	case c == '-' || c-'0' <= 9:
		end, whole, ok := d.number(i)
		if !ok {
			return 0, false
		}
		return end, d.convertNumber(n, d.b[i:end], whole) || d.bad(n, i, end)
	case c == '{' || c == '[':
		return d.container(n, i)
	}
	end, ok = d.literal(i)
	switch {
	case !ok:
		return 0, false
	case d.b[i] == 'n':
		n.null()
		return end, true
	}
	return end, d.convertBool(n, d.b[i:end]) || d.bad(n, i, end)
}

func appendText(v *column.Vector, s []byte, slants bool) {
	if !slants {
		v.AppendBytes(s)
		return
	}
	v.Data = unescape(v.Data, s)
	v.EndBytes()
}

// container reads an object or an array.
func (d *decoder) container(n *node, i int) (end int, ok bool) {
	switch {
	case n.op == opRow && d.b[i] == '{':
		if end, ok = d.object(n, i); ok && n.out != nil {
			n.out.EndRow()
		}
		return end, ok
	case n.op == opArray && d.b[i] == '[':
		return d.array(n, i)
	case n.op == opMap && d.b[i] == '{':
		return d.mapping(n, i)
	case n.op == opText:
		return d.nested(n, i)
	}
	if end, ok = d.skip(i); !ok {
		return 0, false
	}
	return end, d.bad(n, i, end)
}

func (d *decoder) array(n *node, i int) (end int, ok bool) {
	if d.depth++; d.depth > depthMax {
		return 0, d.syntax(i, "values are nested too deeply")
	}
	i = space(d.b, i+1)
	more := i >= len(d.b) || d.b[i] != ']'
	if !more {
		i++
	}
	for more {
		if i, ok = d.value(n.elem, i); !ok {
			return 0, false
		}
		if i, more, ok = d.next(i, ']'); !ok {
			return 0, false
		}
	}
	if n.out != nil {
		n.out.EndList()
	}
	d.depth--
	return i, true
}

// mapping reads a map; of equal keys the last one counts, in the place of the first.
func (d *decoder) mapping(n *node, i int) (end int, ok bool) {
	if d.depth++; d.depth > depthMax {
		return 0, d.syntax(i, "values are nested too deeply")
	}
	i = space(d.b, i+1)
	more := i >= len(d.b) || d.b[i] != '}'
	if !more {
		i++
	}
	first := 0
	if n.out != nil {
		first = n.keys.N
	}
	for more {
		var name []byte
		if name, i, ok = d.key(i); !ok {
			return 0, false
		}
		if n.out != nil {
			n.keys.AppendBytes(name)
		}
		if i, ok = d.value(n.elem, i); !ok {
			return 0, false
		}
		if i, more, ok = d.next(i, '}'); !ok {
			return 0, false
		}
	}
	if n.out != nil {
		dropEqual(n.keys, n.elem.out, first)
		n.out.EndList()
	}
	d.depth--
	return i, true
}

// dropEqual drops the entries from first on whose keys come again later.
func dropEqual(keys, values *column.Vector, first int) {
	n := keys.N
	if n-first < 2 {
		return
	}
	last := map[string]int{}
	if n-first <= 8 {
		if !anyEqual(keys, first) {
			return
		}
	}
	for i := first; i < n; i++ {
		last[string(keys.Bytes(i))] = i
	}
	if len(last) == n-first {
		return
	}
	k, v := column.New(keys.Type), column.New(values.Type)
	for i := first; i < n; i++ {
		if at, ok := last[string(keys.Bytes(i))]; ok {
			k.AppendFrom(keys, i)
			v.AppendFrom(values, at)
			delete(last, string(keys.Bytes(i)))
		}
	}
	keys.Truncate(first)
	values.Truncate(first)
	for i := range k.N {
		keys.AppendFrom(k, i)
		values.AppendFrom(v, i)
	}
}

func anyEqual(keys *column.Vector, first int) bool {
	for i := first; i < keys.N; i++ {
		for j := i + 1; j < keys.N; j++ {
			if string(keys.Bytes(i)) == string(keys.Bytes(j)) {
				return true
			}
		}
	}
	return false
}

// bad deals with a value that is not of the type.
func (d *decoder) bad(n *node, from, to int) bool {
	if d.ignore || d.lenient {
		n.null()
		return true
	}
	d.err = &format.Error{
		Column: from + 1, Field: n.path, Value: string(d.b[from:to]), Err: errors.New("is not a value of type " + n.t.SQL()),
	}
	return false
}

// syntax deals with what is not JSON. It returns false.
func (d *decoder) syntax(at int, what string) bool {
	at = min(at, len(d.b))
	d.err = &format.Error{Column: at + 1, Value: string(d.b[at:]), Err: errors.New(what)}
	return false
}

package csv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/bits"
	"unicode/utf8"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/internal/valuetext"
	"github.com/flott-dev/flott/row"
)

// decoder reads lines into the columns of a batch.
type decoder struct {
	settings
	cols    []target
	project []int

	line    []byte
	scratch []byte // a value without its quotes and escapes
	discard []byte
	err     *format.Error
}

// target is a column, with where its values go: nil if they are checked only.
type target struct {
	row.Field
	out *column.Vector
}

func makeDecoder(s settings, schema *row.Schema, project []int) *decoder {
	d := &decoder{settings: s, project: project}
	for i, f := range schema.Fields {
		d.cols = append(d.cols, target{Field: f})
		if project == nil {
			d.project = append(d.project, i)
		}
	}
	return d
}

// Decode appends the row of a line; none for a comment.
func (d *decoder) Decode(record []byte, b *column.Batch) error {
	for i, at := range d.project {
		d.cols[at].out = b.Cols[i]
	}
	n := b.N
	added, ok := d.record(record)
	switch {
	case ok && added:
		b.N++
		if b.Kinds != nil {
			b.Kinds = append(b.Kinds, row.Insert)
		}
		return nil
	case ok:
		return nil
	}
	b.Truncate(n)
	err := d.err
	d.err = nil
	if d.ignore {
		return nil
	}
	return err
}

// joiner is a decoder of records that may have line breaks in quotes.
type joiner struct{ *decoder }

// Open reports whether a quote is open behind a line.
func (j joiner) Open(line []byte, open bool) bool {
	d := j.decoder
	i := 0
	if !open {
		if bytes.IndexByte(line, d.quote) < 0 || d.comments && isComment(line) {
			return false
		}
		if bytes.HasPrefix(line, byteOrderMark) {
			i = len(byteOrderMark)
		}
	}
	for i < len(line) { // a value each
		if open || line[i] == d.quote {
			if !open {
				i++
			}
			if i = d.closing(line, i); i < 0 {
				return true
			}
			open = false
		}
		for i < len(line) && line[i] != d.comma {
			if d.escapes && line[i] == d.escape {
				i++
			}
			i++
		}
		i++
	}
	return false
}

// closing is behind the quote that closes a value, of which b[i:] is the rest; -1 where there is none.
func (d *decoder) closing(b []byte, i int) int {
	for ; i < len(b); i++ {
		switch {
		case d.escapes && b[i] == d.escape && d.escape != d.quote:
			i++
		case b[i] != d.quote:
		case i+1 < len(b) && b[i+1] == d.quote:
			i++
		default:
			return i + 1
		}
	}
	return -1
}

var byteOrderMark = []byte{0xEF, 0xBB, 0xBF}

// record appends the values of a line.
//
//flott:hot
func (d *decoder) record(line []byte) (added, ok bool) {
	d.line = bytes.TrimPrefix(line, byteOrderMark)
	line = d.line
	if !utf8.Valid(line) {
		return false, d.broken(0, "the text is not UTF-8")
	}
	if d.comments && isComment(line) {
		return false, true
	}
	i := 0
	for k := range d.cols {
		if i > len(line) { // the line has ended
			if !d.ignore {
				return false, d.missing(k)
			}
			d.appendNull(d.cols[k].out)
			continue
		}
		text, next, ok := d.next(i)
		if !ok {
			return false, false
		}
		if !d.column(&d.cols[k], text, i) {
			return false, false
		}
		i = next
	}
	if i <= len(line) {
		return true, d.extra(i)
	}
	return true, true
}

func isComment(line []byte) bool {
	for _, c := range line {
		if c > ' ' {
			return c == '#'
		}
	}
	return false
}

// extra checks what is behind the last column: one value of white space may be.
func (d *decoder) extra(i int) bool {
	text, next, ok := d.next(i)
	if !ok {
		return false
	}
	if len(valuetext.Trim(text)) > 0 || next <= len(d.line) {
		return d.broken(i, "the line has more values than the table has columns")
	}
	return true
}

// next is the value that begins at i, without quotes and escapes, and where the one behind it begins;
// that is behind the line's end for the last one. The value is valid until the next call.
//
//flott:hot
func (d *decoder) next(i int) (text []byte, next int, ok bool) {
	if d.quotes && i < len(d.line) && d.line[i] == d.quote {
		return d.quoted(i)
	}
	rest := d.line[i:]
	n := indexByte(rest, d.comma)
	if d.escapes && bytes.IndexByte(rest[:n], d.escape) >= 0 {
		return d.escaped(i)
	}
	return rest[:n], i + n + 1, true
}

// indexByte is the place of c in b, or the length of b. Values are short: looking at eight bytes at once is quicker than a call.
func indexByte(b []byte, c byte) int {
	const ones = 0x0101010101010101
	i := 0
	for pattern := ones * uint64(c); i+8 <= len(b); i += 8 {
		x := binary.LittleEndian.Uint64(b[i:]) ^ pattern
		if zeros := (x - ones) &^ x & (ones << 7); zeros != 0 {
			return i + bits.TrailingZeros64(zeros)>>3
		}
	}
	for ; i < len(b); i++ {
		if b[i] == c {
			return i
		}
	}
	return len(b)
}

// quoted is next for a value in quotes.
func (d *decoder) quoted(from int) (text []byte, next int, ok bool) {
	b := d.line
	i := from + 1
	begin, copied := i, false
	for {
		for i < len(b) && b[i] != d.quote && !(d.escapes && b[i] == d.escape) {
			i++
		}
		if i >= len(b) {
			return nil, 0, d.broken(from, "the quote is not closed on the line")
		}
		again := b[i] == d.quote && i+1 < len(b) && b[i+1] == d.quote && !(d.escapes && d.escape == d.quote)
		if b[i] == d.quote && !again {
			break
		}
		if !copied {
			d.scratch, copied = d.scratch[:0], true
		}
		d.scratch = append(d.scratch, b[begin:i]...)
		if again {
			d.scratch = append(d.scratch, d.quote)
		} else if i+1 < len(b) {
			d.scratch = append(d.scratch, unescape(b[i+1]))
		} else {
			return nil, 0, d.broken(i, "nothing is behind the escape character")
		}
		i += 2
		begin = i
	}
	text = b[begin:i]
	if copied {
		d.scratch = append(d.scratch, text...)
		text = d.scratch
	}
	for i++; i < len(b) && b[i] != d.comma; i++ {
		if b[i] > ' ' {
			return nil, 0, d.broken(i, "a delimiter is expected behind the closing quote")
		}
	}
	return text, i + 1, true
}

// escaped is next for a value without quotes that has escapes.
func (d *decoder) escaped(i int) (text []byte, next int, ok bool) {
	b := d.line
	d.scratch = d.scratch[:0]
	for ; i < len(b) && b[i] != d.comma; i++ {
		c := b[i]
		if c == d.escape {
			if i++; i == len(b) {
				return nil, 0, d.broken(i-1, "nothing is behind the escape character")
			}
			c = unescape(b[i])
		}
		d.scratch = append(d.scratch, c)
	}
	return d.scratch, i + 1, true
}

// unescape is what stands behind an escape character.
func unescape(c byte) byte {
	switch c {
	case '0':
		return 0
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

// column appends the value of a column, if it is read.
//
//flott:hot
func (d *decoder) column(c *target, text []byte, at int) bool {
	if c.out == nil {
		return true // as in Flink, what is not read may be anything
	}
	var ok bool
	switch c.Type.Kind {
	case row.Array:
		ok = d.array(c.Type, c.out, text)
	case row.Row:
		ok = d.fields(c.Type, c.out, text)
	default:
		ok = d.element(c.Type, c.out, text)
	}
	if ok {
		return true
	}
	if d.ignore {
		d.appendNull(c.out)
		return true
	}
	d.err = &format.Error{
		Column: at + 1, Field: c.Name, Value: string(text), Err: errors.New("is not a value of type " + c.Type.SQL()),
	}
	return false
}

func (d *decoder) isNull(text []byte) bool { return d.hasNull && string(text) == d.null }

func (d *decoder) appendNull(out *column.Vector) {
	if out != nil {
		out.AppendNull()
	}
}

// value appends a value that is one text; it returns false, and appends nothing, if it is none.
//
//flott:hot
func (d *decoder) value(t *row.Type, v *column.Vector, text []byte) bool {
	switch t.Kind {
	case row.Char, row.Varchar:
		if v != nil {
			v.AppendBytes(text)
		}
		return true
	case row.TinyInt:
		return whole(v, text, 8)
	case row.SmallInt:
		return whole(v, text, 16)
	case row.Int:
		return whole(v, text, 32)
	case row.BigInt:
		return whole(v, text, 64)
	case row.Decimal:
		return decimal(t, v, text)
	case row.Timestamp, row.TimestampLTZ:
		return timestamp(t, v, valuetext.Trim(text))
	case row.Date:
		days, ok := valuetext.SQLDate(text)
		if ok && v != nil {
			v.AppendI32(days)
		}
		return ok
	case row.Time:
		nanos, ok := valuetext.Time(text, valuetext.ISO)
		if ok && v != nil {
			v.AppendI32(valuetext.Millis(nanos, t.Precision))
		}
		return ok
	case row.Boolean:
		if v != nil {
			v.AppendBool(valuetext.IsTrue(text))
		}
		return true
	case row.Float:
		x, ok := valuetext.Float(text, 32)
		if ok && v != nil {
			v.AppendF32(float32(x))
		}
		return ok
	case row.Double:
		x, ok := valuetext.Float(text, 64)
		if ok && v != nil {
			v.AppendF64(x)
		}
		return ok
	}
	return d.bytes(v, text)
}

func whole(v *column.Vector, text []byte, bits int) bool {
	x, ok := valuetext.Int(valuetext.Trim(text), bits)
	switch {
	case !ok || v == nil:
	case bits == 64:
		v.AppendI64(x)
	default:
		v.AppendI32(int32(x))
	}
	return ok
}

func decimal(t *row.Type, v *column.Vector, text []byte) bool {
	x, null, ok := valuetext.Decimal(text, t.Precision, t.Scale)
	switch {
	case !ok || v == nil:
	case null:
		v.AppendNull()
	default:
		v.AppendDecimal(x)
	}
	return ok
}

func timestamp(t *row.Type, v *column.Vector, text []byte) bool {
	if t.Kind == row.TimestampLTZ {
		if len(text) == 0 || text[len(text)-1] != 'Z' {
			return false
		}
		text = text[:len(text)-1]
	}
	micros, nanos, ok := valuetext.Timestamp(text, ' ', valuetext.SQL)
	if ok && v != nil {
		v.AppendTimestamp(valuetext.Cut(micros, nanos, t.Precision))
	}
	return ok
}

func (d *decoder) bytes(v *column.Vector, text []byte) bool {
	if v == nil {
		out, ok := valuetext.Base64(d.discard[:0], text)
		d.discard = out
		return ok
	}
	out, ok := valuetext.Base64(v.Data, text)
	if ok {
		v.Data = out
		v.EndBytes()
	}
	return ok
}

// array appends the elements of a text; an empty one has none. The text of NULL is one for elements only.
func (d *decoder) array(t *row.Type, v *column.Vector, text []byte) bool {
	var elems *column.Vector
	n := 0
	if v != nil {
		elems = v.Children[0]
		n = elems.N
	}
	for more := len(valuetext.Trim(text)) > 0; more; {
		var item []byte
		if item, text, more = d.item(text); !d.element(t.Elem, elems, item) {
			if v != nil {
				elems.Truncate(n)
			}
			return false
		}
	}
	if v != nil {
		v.EndList()
	}
	return true
}

// item is the first of the elements of a text.
func (d *decoder) item(text []byte) (item, rest []byte, more bool) {
	n := indexByte(text, d.elem)
	if n == len(text) {
		return text, nil, false
	}
	return text[:n], text[n+1:], true
}

// element appends a value that is one text, or NULL for a wrong one if errors are ignored.
func (d *decoder) element(t *row.Type, v *column.Vector, item []byte) bool {
	switch {
	case d.isNull(item):
		d.appendNull(v)
	case d.value(t, v, item):
	case d.ignore:
		d.appendNull(v)
	default:
		return false
	}
	return true
}

// fields appends a row of the elements of a text; more than the row has do not count. An empty text is
// NULL.
func (d *decoder) fields(t *row.Type, v *column.Vector, text []byte) bool {
	if len(valuetext.Trim(text)) == 0 {
		d.appendNull(v)
		return true
	}
	more := true
	for i, f := range t.Fields {
		var out *column.Vector
		if v != nil {
			out = v.Children[i]
		}
		ok := more || d.ignore
		if more {
			var item []byte
			item, text, more = d.item(text)
			ok = d.element(f.Type, out, item)
		} else if ok {
			d.appendNull(out)
		}
		if !ok {
			if v != nil {
				v.Truncate(v.N)
			}
			return false
		}
	}
	if v != nil {
		v.EndRow()
	}
	return true
}

// broken deals with a line that is not CSV. It returns false.
func (d *decoder) broken(at int, what string) bool {
	d.err = &format.Error{Column: at + 1, Value: string(d.line[at:]), Err: errors.New(what)}
	return false
}

var errMissing = errors.New("the line has fewer values than the table has columns; csv.ignore-parse-errors makes those that are missing NULL")

func (d *decoder) missing(k int) bool {
	d.err = &format.Error{Column: len(d.line) + 1, Field: d.cols[k].Name, Err: errMissing}
	return false
}

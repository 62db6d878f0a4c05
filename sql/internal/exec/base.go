package exec

import (
	"errors"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/colcodec"
	"github.com/flott-dev/flott/internal/keyed"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/builtin"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// base is what all operators have: an output, what expressions know, and for keyed ones a state.
type base struct {
	task *operator.Context
	out  operator.ColumnOutput
	expr expr.Context
	// keys makes the key of a row current in the state; nil for operators without keys.
	keys *keying
	// finish is called when all input has ended; it may be nil.
	finish func()
	mark   int64 // the watermark
	ended  bool
}

// init prepares the output.
func (b *base) init(out []row.Field, zone *time.Location) {
	if zone == nil {
		zone = time.UTC
	}
	b.expr.Zone = zone
	b.mark = batch.MinTime
	b.out.Init(&row.Schema{Fields: out})
}

// open is called first by Open. Keyed operators add their states to keys.backend and then restore them.
func (b *base) open(ctx *operator.Context) { b.task = ctx }

// restore fills the states that have been added.
func (b *base) restore() error { return b.keys.backend.Restore(b.task.Restored) }

// now reads the clock for a batch.
func (b *base) now() *expr.Context {
	b.expr.Now = b.task.Clock.Now()
	return &b.expr
}

// passMark passes a watermark on.
func (b *base) passMark(t int64) bool {
	b.noteMark(t)
	b.out.Mark(t)
	return true
}

// noteMark keeps a watermark for expressions.
func (b *base) noteMark(t int64) {
	b.mark, b.expr.Watermark, b.expr.HasWatermark = t, t, true
}

// Connect adds a consumer.
func (b *base) Connect(tag string, receiver any) error { return b.out.ConnectTag(tag, receiver) }

// Control finishes when all input has ended.
func (b *base) Control(c operator.Control) {
	if c.Kind == operator.EndOfInput && c.Input < 0 && b.finish != nil && !b.ended {
		b.ended = true
		b.finish()
		b.out.Flush()
	}
}

// Snapshot writes the keyed state.
func (b *base) Snapshot(w *operator.Snapshot) error {
	if b.keys != nil {
		b.keys.backend.Snapshot(w)
	}
	return nil
}

// Close has nothing to release.
func (b *base) Close() error { return nil }

// fail stops the task with the failure of an expression: what it is, of which expression, and the row, where a batch is
// given.
func (b *base) fail(err error, in *column.Batch, fields []row.Field) {
	e, ok := err.(*expr.Error)
	if !ok {
		b.task.Fail(err, nil)
	}
	msg := e.Msg
	if call, ok := e.X.(*expr.Call); ok {
		msg += " in " + builtin.ExprText(call, fields)
	}
	if in != nil && e.Row >= 0 && e.Row < in.N {
		if r := namedText(b.now(), in, fields, e.Row); r != "" {
			msg += "; the row is " + r
		}
	}
	b.task.Fail(errors.New(msg), nil)
}

// rowTextMax is how long a text of a row may be.
const rowTextMax = 300

// KeyText returns how the columns keys of a row are shown: with their names.
func KeyText(fields []row.Field, keys []int, zone *time.Location) func(b *column.Batch, place int) string {
	return func(b *column.Batch, place int) string {
		c := &expr.Context{Zone: zone}
		var text []byte
		for _, k := range keys {
			text = appendNamed(text, c, fields[k].Name, b.Cols[k], place)
		}
		return string(text)
	}
}

// appendNamed appends a value with the name of its column.
func appendNamed(text []byte, c *expr.Context, name string, v *column.Vector, place int) []byte {
	if len(text) > 0 {
		text = append(text, ", "...)
	}
	text = append(append(text, name...), ": "...)
	if v.IsNull(place) {
		return append(text, "NULL"...)
	}
	return builtin.AppendText(text, c, v, place)
}

// namedText is a row with the names of its columns, those that the batch has not left out.
func namedText(c *expr.Context, in *column.Batch, fields []row.Field, place int) string {
	var text []byte
	for i, f := range fields {
		if i >= len(in.Cols) || in.Cols[i] == nil {
			continue
		}
		text = appendNamed(text, c, f.Name, in.Cols[i], place)
		if r := []rune(string(text)); len(r) > rowTextMax {
			return string(r[:rowTextMax]) + "…"
		}
	}
	return string(text)
}

// room is how many of n rows can be appended to the columns of out.Cur at once: as many as come before the output looks at
// the size of its batch. endRows ends them.
func (b *base) room(n int) int {
	cur := b.out.Cur
	return min(n, cur.Room(), 32-(cur.N+1)&31)
}

func (b *base) endRows(kinds []row.ChangeKind) {
	last := len(kinds) - 1
	for _, kind := range kinds[:last] {
		b.out.Cur.Add(kind)
	}
	b.out.EndRow(kinds[last])
}

// one is what operators with one input are made of.
type one struct {
	operator.ColumnInput
	base
}

// two is what operators with two inputs are made of.
type two struct {
	operator.TwoColumnInputs
	base
}

// Current is nothing: errors say what they are about.
func (t *two) Current() any { return nil }

// keying makes keys of rows current in a keyed state. There is one for each input of an operator; those of two
// inputs share the backend.
type keying struct {
	key     *colcodec.Key
	at      []int // the key columns of the input
	backend *keyed.Backend
	isLocal bool // rows come as they are: hashes that they have are of other keys

	cols   []*column.Vector
	hashes []uint64
	own    []uint64 // memory for hashes that the batch has not
	words  []uint64
	bytes  []byte
}

// newKeying returns the keying of an input, whose key columns have the given types (KeyTypes, JoinKeyTypes), which
// are the same for all inputs of an operator.
func newKeying(ctx *operator.Context, types []*row.Type, at []int) *keying {
	k := &keying{key: colcodec.NewKey(types), at: at}
	k.backend = keyed.NewBackend(ctx, k.key.IsWord())
	k.backend.KeySchema = k.key.Schema()
	switch {
	case len(types) == 0:
		k.backend.HashOf = func([]byte) uint64 { return 0 }
	case !k.key.IsWord():
		k.backend.HashOf = k.key.HashOf
	}
	return k
}

// other is the keying of another input of the operator.
func (k *keying) other(at []int) *keying {
	return &keying{key: colcodec.NewKey(k.key.Types()), at: at, backend: k.backend}
}

// begin prepares the keys of a batch.
func (k *keying) begin(b *batch.Columns) {
	k.cols = k.cols[:0]
	for _, c := range k.at {
		k.cols = append(k.cols, b.Cols[c])
	}
	k.hashes = b.Hashes
	if k.hashes == nil || len(k.at) == 0 || k.isLocal { // without keys, hashes are those of an operator before
		k.own = resized(k.own, b.N)
		k.hashes = k.own
		k.hashesOf(k.hashes, k.cols)
	}
	if k.key.IsWord() {
		k.words = resized(k.words, b.N)
		k.key.Words(k.words, k.cols[0])
	}
}

// hashesOf computes hashes. Without keys all rows are in the first key group, which is the first subtask's.
func (k *keying) hashesOf(hashes []uint64, cols []*column.Vector) {
	if len(cols) == 0 {
		clear(hashes)
		return
	}
	k.key.Hashes(hashes, cols)
}

// set makes the key of the row at a place of the batch current.
func (k *keying) set(place int) {
	if k.key.IsWord() {
		k.backend.Set(k.hashes[place], k.words[place], nil)
		return
	}
	k.bytes = k.key.Append(k.bytes[:0], k.cols, place)
	k.backend.Set(k.hashes[place], 0, k.bytes)
}

// appendKey appends the values of the current key to columns.
func (k *keying) appendKey(cols []*column.Vector) {
	if k.key.IsWord() {
		k.key.AppendWord(cols[0], k.backend.Word)
		return
	}
	if _, err := k.key.Decode(k.backend.Bytes, cols); err != nil {
		panic(err) // what was encoded here
	}
}

func resized(s []uint64, n int) []uint64 {
	if n <= cap(s) {
		return s[:n]
	}
	return make([]uint64, n, max(n, batch.MaxRows))
}

// mustCodec is the codec of a type that has one.
func mustCodec[T any]() *codec.Codec[T] {
	c, err := codec.For[T](nil)
	if err != nil {
		panic(err)
	}
	return c
}

// types are the types of columns, without time attributes.
func types(fields []row.Field) []*row.Type {
	ts := make([]*row.Type, len(fields))
	for i, f := range fields {
		ts[i] = f.Type.Plain()
	}
	return ts
}

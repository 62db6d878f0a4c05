package spill

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync"

	"github.com/klauspost/compress/s2"

	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/codec"
)

// Piece is a batch's place in a Store. It is never zero.
type Piece struct {
	offset int64
	size   int
}

// None reports whether p is the zero Piece.
func (p Piece) None() bool { return p.size == 0 }

// Form is how a kind of batch is encoded.
type Form[B any] interface {
	// Append encodes all of b.
	Append(dst []byte, b B) []byte
	// Decode decodes a batch.
	Decode(raw []byte) (B, error)
	// Bytes estimates the memory that b holds. It is called by who puts.
	Bytes(b B) int64
}

// Store keeps batches in a file, one behind the other, and begins the file anew when all were
// taken: whoever keeps the pieces decides on their order. One goroutine may put while another one
// takes.
type Store[B interface{ Release() }] struct {
	dir  *Dir
	form Form[B]
	mu   struct {
		sync.Mutex
		file   *os.File
		end    int64
		pieces int // not taken
		closed bool
	}
	plain, packed []byte // of who puts
	buf, raw      []byte // of who takes
}

// NewStore returns an empty store. Its file is made when something is put, and closed and removed
// with dir at the latest.
func NewStore[T any](dir *Dir, c *codec.Codec[T]) *Store[*batch.Rows[T]] {
	return NewStoreOf(dir, &rowForm[T]{codec: c, pool: batch.NewPool[T](0)})
}

// NewStoreOf is NewStore for batches of any kind.
func NewStoreOf[B interface{ Release() }](dir *Dir, f Form[B]) *Store[B] {
	return &Store[B]{dir: dir, form: f}
}

// Bytes is the form's estimate.
func (s *Store[B]) Bytes(b B) int64 { return s.form.Bytes(b) }

// rowForm is the Form of rows.
type rowForm[T any] struct {
	codec *codec.Codec[T]
	pool  *batch.Pool[T]
	plain []byte
}

// Append is the function of that name.
func (f *rowForm[T]) Append(dst []byte, b *batch.Rows[T]) []byte { return Append(dst, f.codec, b) }

// Decode is the function of that name.
func (f *rowForm[T]) Decode(raw []byte) (*batch.Rows[T], error) {
	b := f.pool.Get()
	if err := Decode(b, f.codec.Decode, raw); err != nil {
		b.Release()
		return nil, err
	}
	return b, nil
}

// sampledRows is how many rows of a batch Bytes encodes.
const sampledRows = 4

// Bytes counts, other than b's own estimate, what is behind pointers, by the encodings of some rows.
func (f *rowForm[T]) Bytes(b *batch.Rows[T]) int64 {
	n := len(b.Vals)
	sum := int64(b.Bytes())
	if n == 0 || !f.pool.Pointers() {
		return sum
	}
	step := max(1, n/sampledRows)
	f.plain = f.plain[:0]
	sampled := 0
	for i := 0; i < n; i += step {
		f.plain = f.codec.Append(f.plain, &b.Vals[i])
		sampled++
	}
	return sum + int64(len(f.plain))*int64(n)/int64(sampled)
}

// Put encodes b and releases it.
func (s *Store[B]) Put(b B) (Piece, error) {
	defer b.Release()
	s.plain = s.form.Append(s.plain[:0], b)
	s.packed = s2.Encode(s.packed[:cap(s.packed)], s.plain)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.closed {
		return Piece{}, &Error{"write a batch", errors.New("what would read it has ended")}
	}
	if s.mu.file == nil {
		f, err := s.dir.fileFor(s)
		if err != nil {
			return Piece{}, err
		}
		s.mu.file = f
	}
	p := Piece{s.mu.end, len(s.packed)}
	if _, err := s.mu.file.WriteAt(s.packed, p.offset); err != nil {
		return Piece{}, &Error{"write " + s.mu.file.Name(), err}
	}
	s.mu.end += int64(p.size)
	s.mu.pieces++
	return p, nil
}

// Append encodes a batch with its times, keys and marks:
//
//	uvarint rows, uvarint marks, each: uvarint row, varint time
//	byte 2, and 1 more if there are keys
//	keys, each: 8 bytes
//	if there are rows, byte width of the times, 1, 2, 4 or 8; varint least of them;
//	times, each: what it exceeds the least by
//	values
//
// Without the 2, as it was written before, there are no times there, but a varint before each value.
func Append[T any](dst []byte, c *codec.Codec[T], b *batch.Rows[T]) []byte {
	dst = binary.AppendUvarint(dst, uint64(len(b.Vals)))
	dst = binary.AppendUvarint(dst, uint64(len(b.Marks)))
	for _, m := range b.Marks {
		dst = binary.AppendVarint(binary.AppendUvarint(dst, uint64(m.Row)), m.Time)
	}
	if b.Keys == nil {
		dst = append(dst, hasTimes)
	} else {
		dst = append(dst, hasTimes|hasKeys)
		for _, k := range b.Keys {
			dst = binary.LittleEndian.AppendUint64(dst, k)
		}
	}
	dst = appendTimes(dst, b.Times)
	for i := range b.Vals {
		dst = c.Append(dst, &b.Vals[i])
	}
	return dst
}

const (
	hasKeys  = 1
	hasTimes = 2
)

// Take reads a batch that was put. A piece is taken once.
func (s *Store[B]) Take(p Piece) (none B, err error) {
	if cap(s.buf) < p.size {
		s.buf = make([]byte, p.size)
	}
	s.buf = s.buf[:p.size]
	if err := s.read(p); err != nil {
		return none, err
	}
	raw, err := s2.Decode(s.raw[:cap(s.raw)], s.buf)
	if err != nil {
		return none, &Error{"read a batch", err}
	}
	s.raw = raw
	b, err := s.form.Decode(raw)
	if err != nil {
		return none, &Error{"read a batch", err}
	}
	return b, nil
}

func (s *Store[B]) read(p Piece) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mu.file == nil {
		return &Error{"read a batch", errors.New("its file was closed")}
	}
	if _, err := s.mu.file.ReadAt(s.buf, p.offset); err != nil {
		return &Error{"read " + s.mu.file.Name(), err}
	}
	if s.mu.pieces--; s.mu.pieces > 0 {
		return nil
	}
	s.mu.end = 0
	if err := s.mu.file.Truncate(0); err != nil {
		return &Error{"truncate " + s.mu.file.Name(), err}
	}
	return nil
}

var errCut = errors.New("it is cut off")

// Decode fills b, which is empty, with what Append wrote. decode is that of the values, such as
// codec.Codec.Decode.
func Decode[T any](b *batch.Rows[T], decode func(src []byte, v *T) (rest []byte, err error),
	raw []byte,
) error {
	d := decoder{data: raw}
	rows, marks := int(d.uvarint()), int(d.uvarint())
	if most := len(raw); rows < 0 || rows > most || marks < 0 || marks > most {
		return errCut
	}
	row := uint64(0)
	for range marks {
		before := row
		row = d.uvarint()
		if row < before || row > uint64(rows) {
			return errCut
		}
		b.Marks = append(b.Marks, batch.Mark{Row: int(row), Time: d.varint()})
	}
	flags := byte(0)
	if len(d.data) > 0 {
		flags = d.data[0]
	}
	d.skip(1)
	keys := d.data
	if flags&hasKeys != 0 {
		d.skip(8 * rows)
	}
	timed := flags&hasTimes != 0
	if timed {
		b.Times = d.times(b.Times, rows)
	}
	if d.bad || flags > hasKeys|hasTimes {
		return errCut
	}
	for i := range rows {
		if i == len(b.Vals) {
			// Values are decoded in their places: one of its own would be allocated for each row. No more
			// are made than b has, or than twice what has turned out to be there.
			n := min(rows, max(cap(b.Vals), 2*i, 16))
			b.Vals = slices.Grow(b.Vals, n-i)[:n]
		}
		if !timed {
			if b.Times = append(b.Times, d.varint()); d.bad {
				return errCut
			}
		}
		var err error
		if d.data, err = decode(d.data, &b.Vals[i]); err != nil {
			return err
		}
	}
	if d.bad || len(d.data) > 0 {
		return fmt.Errorf("%d bytes are left of %d", len(d.data), len(raw))
	}
	if flags&hasKeys != 0 {
		column := b.KeyColumn()
		for i := range column {
			column[i] = binary.LittleEndian.Uint64(keys[8*i:])
		}
	}
	return nil
}

// decoder takes numbers off data; bad says that there were too few bytes.
type decoder struct {
	data []byte
	bad  bool
}

func (d *decoder) skip(n int) {
	if n < 0 || n > len(d.data) {
		d.bad, d.data = true, nil
		return
	}
	d.data = d.data[n:]
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.data)
	if n <= 0 {
		n = -1
	}
	d.skip(n)
	return v
}

func (d *decoder) varint() int64 {
	v, n := binary.Varint(d.data)
	if n <= 0 {
		n = -1
	}
	d.skip(n)
	return v
}

// Close gives up what is left and removes the file.
func (s *Store[B]) Close() {
	s.mu.Lock()
	f := s.mu.file
	s.mu.closed, s.mu.file = true, nil
	s.mu.Unlock()
	if f != nil {
		f.Close()
		os.Remove(f.Name())
		s.dir.forget(s)
	}
}

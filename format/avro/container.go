package avro

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/twmb/avro"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/format"
)

// A container file has a header, and blocks of records. Behind the header and each block stands the marker
// of the file, by which a reader finds a block from the middle of the file.
//
//	Obj 1 │ metadata │ marker │ count │ length │ records │ marker │ count │ …
//
// A block belongs to the range in which the marker before it begins.

const (
	magic       = "Obj\x01"
	markerBytes = 16
	// readBytes is how much is read at once, and blockMax the longest block that is taken.
	readBytes = 256 << 10
	blockMax  = 1 << 30
)

// fileDecoder reads container files.
type fileDecoder struct {
	table *format.Table

	file   format.File
	memory []byte
	buf    []byte // a part of the file, from offset on, in memory
	offset int64
	marker [markerBytes]byte
	unpack func(dst, block []byte) ([]byte, error)

	records decoder
	passes  decoder // over records that were read before
	at      format.Position
	end     int64  // of the block at hand
	left    int64  // records in it
	block   []byte // its records, where they are compressed
}

func newFileDecoder(t *format.Table) (func() format.FileDecoder, error) {
	if encoding.Get(t.Options) == "json" {
		return nil, errors.New("avro.encoding: files of Avro are binary; leave it out")
	}
	if _, err := schemaOf(t); err != nil {
		return nil, err
	}
	return func() format.FileDecoder { return &fileDecoder{table: t} }, nil
}

// Open reads the header and finds the first block.
func (d *fileDecoder) Open(f format.File, at format.Position) error {
	d.file, d.buf, d.offset, d.left = f, d.buf[:0], 0, 0
	first, err := d.header()
	if err != nil {
		return fmt.Errorf("%q is no file of Avro, or is broken: %w", f.Name, err)
	}
	switch {
	case at.Block > 0:
		d.end = at.Block
		if at.Rows > 0 {
			return d.skip(at)
		}
	case f.From <= first-markerBytes:
		d.end = first
	default:
		d.end, err = d.find(f.From)
	}
	d.at = format.Position{Block: d.end}
	return err
}

// skip goes to a position within a block.
func (d *fileDecoder) skip(at format.Position) error {
	if err := d.next(); err != nil {
		return d.wrong(err)
	}
	if at.Rows > d.left {
		return d.wrong(errors.New("the block has fewer records than were read before; was the file replaced?"))
	}
	none := column.Batch{}
	d.passes.b, d.passes.i = d.records.b, 0
	for ; d.at.Rows < at.Rows; d.at.Rows++ {
		if err := d.passes.next(&none); err != nil {
			return d.wrong(err)
		}
		d.left--
	}
	d.records.i = d.passes.i
	return nil
}

// header reads the beginning of the file, and returns where the first block is.
func (d *fileDecoder) header() (first int64, err error) {
	need := min(int64(64<<10), d.file.Size)
	for {
		if err := d.read(0, need); err != nil {
			return 0, err
		}
		meta, n, err := parseHeader(d.buf)
		if err == nil {
			copy(d.marker[:], d.buf[n-markerBytes:n])
			return int64(n), d.prepare(meta)
		}
		if !errors.Is(err, io.ErrUnexpectedEOF) || need == d.file.Size || need > blockMax {
			return 0, err
		}
		need = min(2*need, d.file.Size)
	}
}

// parseHeader reads the metadata, and returns where the header ends.
func parseHeader(b []byte) (meta map[string][]byte, end int, err error) {
	if len(b) < len(magic) || string(b[:len(magic)]) != magic {
		return nil, 0, errors.New("it does not begin with the bytes Obj 1")
	}
	meta, i := map[string][]byte{}, len(magic)
	number := func() (x int64) {
		x, n := binary.Varint(b[i:])
		if n == 0 {
			err = io.ErrUnexpectedEOF
		} else if n < 0 {
			err = errors.New("a number in the header has more than 64 bits")
		}
		i += max(n, 0)
		return x
	}
	text := func() []byte {
		n := number()
		if err == nil && n < 0 {
			err = errors.New("a length in the header is negative")
		}
		if err == nil && n > int64(len(b)-i) {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return nil
		}
		i += int(n)
		return b[i-int(n) : i]
	}
	for {
		n := number()
		if n < 0 {
			n = -n
			number()
		}
		if err != nil {
			return nil, 0, err
		}
		if n == 0 {
			break
		}
		for ; n != 0 && err == nil; n-- {
			key := text()
			meta[string(key)] = bytes.Clone(text())
		}
	}
	if len(b)-i < markerBytes {
		return nil, 0, io.ErrUnexpectedEOF
	}
	return meta, i + markerBytes, nil
}

// prepare makes ready for the schema and the compression that the header tells.
func (d *fileDecoder) prepare(meta map[string][]byte) error {
	schema, err := avro.Parse(string(meta["avro.schema"]), avro.WithLaxNames(nil))
	if err != nil {
		return fmt.Errorf("its schema: %w", err)
	}
	plan, err := compile(schema.Root(), d.table.Columns())
	if err != nil {
		return err
	}
	d.records, d.passes = decoder{plan: plan}, decoder{}
	if d.passes.plan, err = compile(schema.Root(), nil); err != nil {
		return err
	}
	d.unpack, err = decompressor(string(meta["avro.codec"]))
	return err
}

// find is where the block begins whose marker is the first at or after an offset; the end of the range if
// there is none in it.
func (d *fileDecoder) find(from int64) (int64, error) {
	for at := from; at < d.file.To; {
		if err := d.read(at, min(readBytes, d.file.Size-at)); err != nil {
			return 0, err
		}
		if i := bytes.Index(d.buf, d.marker[:]); i >= 0 {
			return at + int64(i) + markerBytes, nil
		}
		at += max(int64(len(d.buf))-markerBytes+1, 1)
	}
	return d.file.Size, nil
}

// read makes buf have n bytes of the file from an offset on.
func (d *fileDecoder) read(offset, n int64) error {
	if offset >= d.offset && offset+n <= d.offset+int64(len(d.buf)) {
		d.buf = d.buf[offset-d.offset:]
		d.offset = offset
		return nil
	}
	want := min(max(n, readBytes), d.file.Size-offset)
	if n > want {
		return fmt.Errorf("the file ends at byte %d, within a block: %w", d.file.Size, io.ErrUnexpectedEOF)
	}
	if int64(cap(d.memory)) < want {
		d.memory = make([]byte, want)
	}
	d.buf, d.offset = d.memory[:want], offset
	if m, err := d.file.ReadAt(d.buf, offset); int64(m) < want {
		d.buf = d.buf[:0]
		return fmt.Errorf("read at byte %d: %w", offset, err)
	}
	return nil
}

// next makes the records of the next block ready. It returns io.EOF at the end of the range.
func (d *fileDecoder) next() error {
	begin := d.end
	if begin-markerBytes >= d.file.To || begin >= d.file.Size {
		return io.EOF
	}
	d.at = format.Position{Block: begin}
	if err := d.read(begin, min(20, d.file.Size-begin)); err != nil {
		return err
	}
	count, n := binary.Varint(d.buf)
	size, m := binary.Varint(d.buf[max(n, 0):])
	if n <= 0 || m <= 0 || count < 0 || size < 0 || size > blockMax {
		return errors.New("a block begins with no count and length")
	}
	data := begin + int64(n+m)
	if err := d.read(data, size+markerBytes); err != nil {
		return err
	}
	if !bytes.Equal(d.buf[size:size+markerBytes], d.marker[:]) {
		return errors.New("the marker behind a block is not that of the file")
	}
	d.left, d.end = count, data+size+markerBytes
	d.records.b, d.records.i = d.buf[:size], 0
	if d.unpack != nil {
		var err error
		if d.block, err = d.unpack(d.block[:0], d.buf[:size]); err != nil {
			return fmt.Errorf("decompress a block: %w", err)
		}
		d.records.b = d.block
	}
	if n := int64(len(d.records.b)); count > n && count > itemsMax {
		return fmt.Errorf("a block of %d records does not fit into %d bytes", count, n)
	}
	return nil
}

// Decode appends the rows of one block.
//
//flott:hot
func (d *fileDecoder) Decode(b *column.Batch, most int) error {
	for d.left == 0 {
		if err := d.next(); err == io.EOF {
			return err
		} else if err != nil {
			return d.wrong(err)
		}
	}
	n := min(int64(most), d.left)
	for range n {
		if err := d.records.next(b); err != nil {
			return d.wrong(err)
		}
		d.left--
		d.at.Rows++
	}
	if d.left == 0 {
		d.at = format.Position{Block: d.end}
	}
	return nil
}

// wrong says where in the file something is wrong.
func (d *fileDecoder) wrong(err error) error {
	return fmt.Errorf("%q, block at byte %d, record %d: %w", d.file.Name, d.at.Block, d.at.Rows+1, err)
}

// Position is where the next record is.
func (d *fileDecoder) Position() format.Position { return d.at }

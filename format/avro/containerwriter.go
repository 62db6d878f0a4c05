package avro

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"io"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/format"
)

// blockBytes is from what length on a block is ended, as in Java.
const blockBytes = 64000

// fileEncoder writes a container file.
type fileEncoder struct {
	w       io.Writer
	records encoder
	marker  [markerBytes]byte
	pack    func(dst, records []byte) ([]byte, error)

	block  []byte // the records of the block at hand
	count  int64
	packed []byte
	head   []byte
}

func newFileEncoder(t *format.Table) (func(w io.Writer) (format.FileEncoder, error), error) {
	if encoding.Get(t.Options) == "json" {
		return nil, errors.New("avro.encoding: files of Avro are binary; leave it out")
	}
	schema, err := schemaOf(t)
	if err != nil {
		return nil, err
	}
	plan, err := compileParts(schema.Root(), t.Schema.Fields)
	if err != nil {
		return nil, err
	}
	name := codec.Get(t.Options)
	return func(w io.Writer) (format.FileEncoder, error) {
		pack, err := compressor(name)
		if err != nil {
			return nil, err
		}
		e := &fileEncoder{w: w, records: encoder{plan}, pack: pack}
		if _, err := rand.Read(e.marker[:]); err != nil {
			return nil, err
		}
		head := binary.AppendVarint([]byte(magic), 2)
		for _, s := range []string{"avro.schema", schema.String(), "avro.codec", name} {
			head = append(binary.AppendVarint(head, int64(len(s))), s...)
		}
		head = append(head, 0)
		_, err = w.Write(append(head, e.marker[:]...))
		return e, err
	}, nil
}

// Encode adds rows.
//
//flott:hot
func (e *fileEncoder) Encode(b *column.Batch, places []int32) (err error) {
	for _, i := range places {
		if e.block, err = e.records.Append(e.block, b, int(i)); err != nil {
			return err
		}
		if e.count++; len(e.block) >= blockBytes {
			if err := e.end(); err != nil {
				return err
			}
		}
	}
	return nil
}

// end writes the block at hand.
func (e *fileEncoder) end() (err error) {
	data := e.block
	if e.pack != nil {
		if e.packed, err = e.pack(e.packed[:0], e.block); err != nil {
			return err
		}
		data = e.packed
	}
	e.head = binary.AppendVarint(binary.AppendVarint(e.head[:0], e.count), int64(len(data)))
	for _, part := range [][]byte{e.head, data, e.marker[:]} {
		if _, err := e.w.Write(part); err != nil {
			return err
		}
	}
	e.block, e.count = e.block[:0], 0
	return nil
}

// Close writes the last block.
func (e *fileEncoder) Close() error {
	if e.count == 0 {
		return nil
	}
	return e.end()
}

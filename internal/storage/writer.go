package storage

import (
	"context"
	"errors"
	"sync"

	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/zeebo/xxh3"

	"github.com/flott-dev/flott/internal/blob"
	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/operator"
)

// Target is where the parts of one snapshot are written.
type Target struct {
	files   *files
	prefix  string // of the parts below the files
	epoch   int64
	attempt int64
	codec   checkpoint.Codec
	inline  int
	plain   bool // a savepoint: no other object may be named
}

// URI is the directory of the snapshot.
func (t *Target) URI() string {
	uri := blob.Join(t.files.base.URI(), t.prefix)
	if t.prefix == "" {
		return uri
	}
	return uri[:len(uri)-1]
}

// Part begins the part called name, such as the number of a chain and of a subtask: one object. The
// context holds until Close or Abort has returned. No two parts of a target have the same name.
func (t *Target) Part(ctx context.Context, name string) *Writer {
	w := &Writer{target: t, ctx: ctx, name: t.prefix + versioned(name, t.epoch, t.attempt)}
	w.scratch = scratches.Get().(*[]byte)
	return w
}

// File begins a part whose bytes are compressed already.
func (t *Target) File(ctx context.Context, name string) *Writer {
	w := t.Part(ctx, name)
	w.raw = true
	return w
}

// scratches holds buffers for compressed frames.
var scratches = sync.Pool{New: func() any { return new([]byte) }}

// scratchMax is the size of the largest buffer that is kept.
const scratchMax = 4 << 20

// Writer writes one part of a snapshot. It is for one goroutine.
//
// What is small stays in memory until Close, and goes into the manifest. Otherwise the bytes go to
// the blob store as they come.
type Writer struct {
	target  *Target
	ctx     context.Context
	name    string
	head    []byte // what was written before there was an object
	out     blob.Writer
	offset  int64
	pieces  []*Piece
	scratch *[]byte
	err     error
	raw     bool // nothing is compressed
}

// Piece is a blob that was appended to a part. It can be read, and be named by a manifest, after
// the writer is closed.
type Piece struct {
	ref    checkpoint.Ref
	closed bool
	files  *files
}

// Ref is where the bytes lie, or nil before the writer is closed.
func (p *Piece) Ref() *checkpoint.Ref {
	if !p.closed {
		return nil
	}
	return &p.ref
}

// Size is the number of bytes that were appended.
func (p *Piece) Size() int64 { return p.ref.Size }

// Load reads them back.
func (p *Piece) Load() ([]byte, error) {
	if !p.closed {
		return nil, errors.New("the part is still being written")
	}
	return p.files.load(context.Background(), &p.ref, "", "")
}

var errClosed = errors.New("the part is closed")

// Append adds data, which it does not keep. After an error the writer is of no use but to be
// aborted.
func (w *Writer) Append(data []byte) (*Piece, error) {
	if w.err != nil {
		return nil, w.err
	}
	stored, codec := w.compress(data)
	p := &Piece{files: w.target.files, ref: checkpoint.Ref{
		Offset: w.offset, Stored: int64(len(stored)), Size: int64(len(data)),
		Sum: xxh3.Hash(stored), Codec: codec,
	}}
	if w.err = w.write(stored); w.err != nil {
		return nil, w.err
	}
	w.offset += p.ref.Stored
	w.pieces = append(w.pieces, p)
	return p, nil
}

func (w *Writer) write(stored []byte) error {
	if w.out == nil {
		if len(w.head)+len(stored) <= w.target.inline {
			w.head = append(w.head, stored...)
			return nil
		}
		out, err := w.target.files.base.Create(w.ctx, w.name)
		if err != nil {
			return err
		}
		w.out = out
		if copy := w.target.files.local.create(w.ctx, w.name); copy != nil {
			w.out = &tee{out, copy}
		}
		if _, err := w.out.Write(w.head); err != nil {
			return err
		}
		w.head = nil
	}
	_, err := w.out.Write(stored)
	return err
}

// AppendRest adds what s has besides keyed sections, for checkpoint.OperatorState.Rest. It returns
// nil if that is nothing. The caller may then drop it from s.
func (w *Writer) AppendRest(s *operator.State) (*Piece, error) {
	if len(s.List)+len(s.Union)+len(s.Broadcast) == 0 {
		return nil, w.err
	}
	return w.Append(checkpoint.AppendRest(nil, s))
}

// Size is the number of bytes stored so far.
func (w *Writer) Size() int64 { return w.offset }

// Close makes what was appended durable, and the pieces valid.
func (w *Writer) Close() error {
	if w.err != nil {
		return w.err
	}
	if w.out != nil {
		if w.err = w.out.Commit(); w.err != nil {
			return w.err
		}
		w.out.Abort()
	}
	for _, p := range w.pieces {
		if w.out != nil {
			p.ref.Object, p.ref.ObjectSize = w.name, w.offset
		} else {
			end := p.ref.Offset + p.ref.Stored
			p.ref.Inline, p.ref.Offset = w.head[p.ref.Offset:end:end], 0
		}
		p.closed = true
	}
	w.out, w.pieces = nil, nil
	w.end(errClosed)
	return nil
}

// Abort gives up what was appended and is not closed.
func (w *Writer) Abort() {
	if w.out != nil {
		w.out.Abort()
	}
	w.out, w.head, w.pieces = nil, nil, nil
	if w.err == nil {
		w.err = errClosed
	}
	w.end(w.err)
}

func (w *Writer) end(err error) {
	w.err = err
	if w.scratch != nil && cap(*w.scratch) <= scratchMax {
		scratches.Put(w.scratch)
	}
	w.scratch = nil
}

// compress returns data, or data compressed into the scratch buffer if that is smaller.
func (w *Writer) compress(data []byte) ([]byte, checkpoint.Codec) {
	codec := w.target.codec
	if w.raw || len(data) < compressMin || codec == checkpoint.CodecNone {
		return data, checkpoint.CodecNone
	}
	buf := *w.scratch
	if codec == checkpoint.CodecS2 {
		if n := s2.MaxEncodedLen(len(data)); cap(buf) < n {
			buf = make([]byte, n)
		}
		buf = s2.Encode(buf[:cap(buf)], data)
	} else {
		buf = zstdEncoder().EncodeAll(data, buf[:0])
	}
	*w.scratch = buf
	if len(buf) >= len(data) {
		return data, checkpoint.CodecNone
	}
	return buf, codec
}

// compressMin is the size of the smallest frame that is compressed.
const compressMin = 64

// Encoder and decoder are without state between calls.
var (
	zstdEncoder = sync.OnceValue(func() *zstd.Encoder {
		e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderCRC(false))
		if err != nil {
			panic(err)
		}
		return e
	})
	zstdDecoder = sync.OnceValue(func() *zstd.Decoder {
		d, err := zstd.NewReader(nil, zstd.WithDecoderMaxMemory(1<<40))
		if err != nil {
			panic(err)
		}
		return d
	})
)

var errSize = errors.New("it does not have the size that it should have")

// decompress returns size bytes.
func decompress(stored []byte, size int64, codec checkpoint.Codec) (data []byte, err error) {
	switch codec {
	case checkpoint.CodecNone:
		data = stored
	case checkpoint.CodecS2:
		n, err := s2.DecodedLen(stored)
		if err != nil {
			return nil, err
		}
		if int64(n) != size {
			return nil, errSize
		}
		if data, err = s2.Decode(nil, stored); err != nil {
			return nil, err
		}
	case checkpoint.CodecZstd:
		// The checksum has been compared, so that size is what was written.
		if data, err = zstdDecoder().DecodeAll(stored, make([]byte, 0, size)); err != nil {
			return nil, err
		}
	}
	if int64(len(data)) != size {
		return nil, errSize
	}
	return data, nil
}

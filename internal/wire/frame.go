package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/s2"
	"github.com/zeebo/xxh3"
)

// kind is what a frame is. Numbers are part of the protocol.
type kind uint8

const (
	message kind = iota + 1
	urgent
	end
	credit
	stop
	heartbeat
	bye
	kinds
)

// payloadBytes is how long the payload of a frame of that kind is; -1: any length.
var payloadBytes = [kinds]int{message: -1, urgent: -1, credit: 8}

const (
	headerBytes = 24
	sumAt       = 20 // where the checksum of the header is
	compressed  = 1  // flag: the payload is a block of s2
)

// header is the header of a frame without the checksum that its place on the connection decides.
type header struct {
	kind    kind
	tag     uint8
	flags   uint8
	length  int
	channel ChannelID
	sum     uint32 // of the payload
}

// appendHeader appends h as that of frame number n.
func appendHeader(b []byte, h header, n uint64) []byte {
	b = append(b, byte(h.kind), h.tag, h.flags, 0)
	b = binary.LittleEndian.AppendUint32(b, uint32(h.length))
	b = binary.LittleEndian.AppendUint64(b, uint64(h.channel))
	b = binary.LittleEndian.AppendUint32(b, h.sum)
	return binary.LittleEndian.AppendUint32(b, headerSum(b[len(b)-sumAt:], n))
}

// headerSum is the checksum of the header of frame number n.
func headerSum(head []byte, n uint64) uint32 {
	return uint32((xxh3.Hash(head[:sumAt]) + n*0x9E3779B97F4A7C15) >> 32)
}

func payloadSum(p []byte) uint32 { return uint32(xxh3.Hash(p)) }

// ErrDamaged is in the error of a connection that got something that is no frame.
var ErrDamaged = errors.New("damaged frame")

func damaged(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrDamaged, fmt.Sprintf(format, args...))
}

// decoder reads frames.
type decoder struct {
	r         io.Reader
	lengthMax int    // of a message
	frames    uint64 // so far
	head      [headerBytes]byte
}

// next reads a frame. The payload, nil where the kind has none, belongs to the caller. The error is
// io.EOF only between frames.
func (d *decoder) next() (header, *Buffer, error) {
	h, err := d.header()
	if err != nil || h.length == 0 && payloadBytes[h.kind] == 0 {
		return h, nil, err
	}
	b := NewBuffer(h.length)
	b.B = b.B[:h.length]
	if err := d.payload(h, b.B); err != nil {
		b.Free()
		return h, nil, err
	}
	if h.flags&compressed == 0 {
		return h, b, nil
	}
	plain, err := d.uncompress(b.B)
	b.Free()
	return h, plain, err
}

func (d *decoder) header() (header, error) {
	head := d.head[:]
	if _, err := io.ReadFull(d.r, head); err != nil {
		return header{}, err
	}
	if got, want := binary.LittleEndian.Uint32(head[sumAt:]), headerSum(head, d.frames); got != want {
		return header{}, damaged("header %x has the checksum %08x, want %08x", head[:sumAt], got, want)
	}
	d.frames++
	h := header{
		kind: kind(head[0]), tag: head[1], flags: head[2],
		length:  int(binary.LittleEndian.Uint32(head[4:])),
		channel: ChannelID(binary.LittleEndian.Uint64(head[8:])),
		sum:     binary.LittleEndian.Uint32(head[16:]),
	}
	switch {
	case h.kind == 0 || h.kind >= kinds:
		return h, damaged("unknown kind %d", h.kind)
	case h.flags&^compressed != 0 || head[3] != 0:
		return h, damaged("unknown flags %#x", head[2:4])
	case payloadBytes[h.kind] < 0 && h.length > d.lengthMax:
		return h, damaged("message of %d bytes, limit %d", h.length, d.lengthMax)
	case payloadBytes[h.kind] >= 0 && (h.length != payloadBytes[h.kind] || h.flags != 0):
		return h, damaged("kind %d with %d bytes and flags %#x", h.kind, h.length, h.flags)
	}
	return h, nil
}

func (d *decoder) payload(h header, p []byte) error {
	if _, err := io.ReadFull(d.r, p); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	if got := payloadSum(p); got != h.sum {
		return damaged("payload of %d bytes on channel %d has the checksum %08x, want %08x",
			len(p), h.channel, got, h.sum)
	}
	return nil
}

func (d *decoder) uncompress(p []byte) (*Buffer, error) {
	n, err := s2.DecodedLen(p)
	if err != nil {
		return nil, damaged("%v", err)
	}
	if n > d.lengthMax {
		return nil, damaged("compressed message of %d bytes, limit %d", n, d.lengthMax)
	}
	b := NewBuffer(n)
	if b.B, err = s2.Decode(b.B[:n], p); err != nil {
		b.Free()
		return nil, damaged("%v", err)
	}
	return b, nil
}

// compress returns b or, where that is shorter, its compression in another buffer; b is then freed.
func compress(b *Buffer) (*Buffer, uint8) {
	n := len(b.B)
	if n < compressBytesMin {
		return b, 0
	}
	c := NewBuffer(s2.MaxEncodedLen(n))
	c.B = s2.Encode(c.B[:cap(c.B)], b.B)
	if len(c.B) >= n {
		c.Free()
		return b, 0
	}
	b.Free()
	return c, compressed
}

// compressBytesMin is how long a message is at least that compression is tried on.
const compressBytesMin = 256

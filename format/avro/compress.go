package avro

import (
	"bytes"
	"compress/bzip2"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zstd"
)

// decompressor is what makes the records of a block of its bytes, nil for the codec null. It belongs to one
// goroutine.
func decompressor(codec string) (func(dst, block []byte) ([]byte, error), error) {
	switch codec {
	case "", "null":
		return nil, nil
	case "deflate":
		z := flate.NewReader(nil)
		return func(dst, block []byte) ([]byte, error) {
			if err := z.(flate.Resetter).Reset(bytes.NewReader(block), nil); err != nil {
				return dst, err
			}
			return readAll(dst, z)
		}, nil
	case "snappy":
		return unpackSnappy, nil
	case "zstandard":
		z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(blockMax))
		if err != nil {
			return nil, err
		}
		return func(dst, block []byte) ([]byte, error) { return z.DecodeAll(block, dst) }, nil
	case "bzip2":
		return func(dst, block []byte) ([]byte, error) { return readAll(dst, bzip2.NewReader(bytes.NewReader(block))) }, nil
	}
	return nil, fmt.Errorf("its blocks are compressed by %q; null, deflate, snappy, zstandard and bzip2 can be read", codec)
}

var errTooLong = errors.New("the records of a block are longer than a gigabyte")

func readAll(dst []byte, r io.Reader) ([]byte, error) {
	buf := bytes.NewBuffer(dst)
	n, err := buf.ReadFrom(io.LimitReader(r, blockMax+1))
	if n > blockMax {
		return dst, errTooLong
	}
	return buf.Bytes(), err
}

// unpackSnappy decompresses a block, behind which the checksum of its records stands.
func unpackSnappy(dst, block []byte) ([]byte, error) {
	if len(block) < 4 {
		return dst, io.ErrUnexpectedEOF
	}
	block, sum := block[:len(block)-4], binary.BigEndian.Uint32(block[len(block)-4:])
	n, err := snappy.DecodedLen(block)
	if err != nil {
		return dst, err
	}
	if n > blockMax {
		return dst, errTooLong
	}
	if cap(dst) < n {
		dst = make([]byte, n)
	}
	out, err := snappy.Decode(dst[:cap(dst)], block)
	if err == nil && crc32.ChecksumIEEE(out) != sum {
		err = errors.New("the checksum of a block is wrong")
	}
	return out, err
}

// compressor is what makes the bytes of a block of its records, nil for the codec null.
func compressor(codec string) (func(dst, records []byte) ([]byte, error), error) {
	switch codec {
	case "deflate":
		z, err := flate.NewWriter(nil, flate.DefaultCompression)
		if err != nil {
			return nil, err
		}
		return func(dst, records []byte) ([]byte, error) {
			buf := bytes.NewBuffer(dst)
			z.Reset(buf)
			if _, err := z.Write(records); err != nil {
				return dst, err
			}
			err := z.Close()
			return buf.Bytes(), err
		}, nil
	case "snappy":
		return func(dst, records []byte) ([]byte, error) {
			if n := snappy.MaxEncodedLen(len(records)); cap(dst) < n+4 {
				dst = make([]byte, n+4)
			}
			dst = snappy.Encode(dst[:cap(dst)], records)
			return binary.BigEndian.AppendUint32(dst, crc32.ChecksumIEEE(records)), nil
		}, nil
	case "zstandard":
		z, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1))
		if err != nil {
			return nil, err
		}
		return func(dst, records []byte) ([]byte, error) { return z.EncodeAll(records, dst), nil }, nil
	}
	return nil, nil
}

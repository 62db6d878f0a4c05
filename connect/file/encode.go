package file

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Encoder turns records into the bytes of a part file.
type Encoder[T any] struct {
	// Header is what each part file begins with; nil for nothing.
	Header []byte
	// Append appends a record, with its end. Several goroutines call it.
	Append func(dst []byte, v *T) ([]byte, error)
	// Bulk, if not nil, is used instead of Header and Append: see BulkWriter.
	Bulk func(w io.Writer) (BulkWriter[T], error)
	// Merge makes the merger of a file that SinkOptions.Compact puts in the place of others. By default
	// files are put one behind the other, with Header once; a Bulk encoder without Merge cannot be compacted.
	Merge func(to io.Writer) (Merger, error)
	// Suffix ends the names of part files, like ".gz".
	Suffix string
	err    error
}

// BulkWriter writes one part file of a format that has an end of its own, so that a file which was
// not closed cannot be read or continued: a compressed one, or one of columns. Such files end at each
// checkpoint.
type BulkWriter[T any] interface {
	// Write adds records, which are valid during the call only, as a connect.Writer's are.
	Write(records []T) error
	// Close writes the rest of the file. It does not close the io.Writer.
	Close() error
}

// Gzip compresses the part files of e; the sources of this package know them by their .gz.
func Gzip[T any](e Encoder[T]) Encoder[T] {
	return compress(e, ".gz", gunzip, func(w io.Writer) (io.WriteCloser, error) {
		return gzip.NewWriter(w), nil
	})
}

// Zstd compresses the part files of e; the sources of this package know them by their .zst.
func Zstd[T any](e Encoder[T]) Encoder[T] {
	return compress(e, ".zst", unzstd, func(w io.Writer) (io.WriteCloser, error) {
		return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
	})
}

func compress[T any](e Encoder[T], suffix string,
	read func(r io.Reader) (io.ReadCloser, error), open func(w io.Writer) (io.WriteCloser, error),
) Encoder[T] {
	err := e.err
	if e.Bulk != nil {
		err = errors.New("file: an encoder that is a bulk one cannot be compressed")
	}
	var merge func(to io.Writer) (Merger, error)
	if e.Merge == nil { // else it takes files as they are, and these are not
		merge = func(to io.Writer) (Merger, error) {
			z, err := open(to)
			return &recompression{concatenation{z, e.Header, false}, read, z}, err
		}
	}
	return Encoder[T]{
		Suffix: e.Suffix + suffix, err: err, Merge: merge,
		Bulk: func(w io.Writer) (BulkWriter[T], error) {
			z, err := open(w)
			return &compressor[T]{e: e, z: z, buf: slices.Clone(e.Header)}, err
		},
	}
}

// compressor compresses what an encoder writes.
type compressor[T any] struct {
	e   Encoder[T]
	z   io.WriteCloser
	buf []byte
}

func (c *compressor[T]) Write(records []T) (err error) {
	for i := range records {
		if c.buf, err = c.e.Append(c.buf, &records[i]); err != nil {
			return fmt.Errorf("encode record %d of %d, %+v: %w", i+1, len(records), records[i], err)
		}
		if len(c.buf) >= flushBytes {
			if err := c.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (c *compressor[T]) flush() error {
	_, err := c.z.Write(c.buf)
	c.buf = c.buf[:0]
	return err
}

func (c *compressor[T]) Close() error { return errors.Join(c.flush(), c.z.Close()) }

// EncodeLines writes the text of each record as a line.
func EncodeLines[T any](text func(v T) string) Encoder[T] {
	return EncodeAppend(func(dst []byte, v *T) []byte { return append(dst, text(*v)...) })
}

// EncodeAppend writes what f appends for each record as a line. The pointer is valid during the
// call only.
func EncodeAppend[T any](f func(dst []byte, v *T) []byte) Encoder[T] {
	return Encoder[T]{Append: func(dst []byte, v *T) ([]byte, error) {
		return append(f(dst, v), '\n'), nil
	}}
}

// EncodeJSON writes each record as a line of JSON.
func EncodeJSON[T any]() Encoder[T] {
	return Encoder[T]{Append: func(dst []byte, v *T) ([]byte, error) {
		b, err := json.Marshal(v)
		return append(append(dst, b...), '\n'), err
	}}
}

// EncodeCSV writes each record, a struct or []string, as a record that CSV reads. header has each
// part file of structs begin with the names of the columns.
func EncodeCSV[T any](header bool) Encoder[T] {
	if reflect.TypeFor[T]() == reflect.TypeFor[[]string]() {
		return Encoder[T]{Append: func(dst []byte, v *T) ([]byte, error) {
			return appendStrings(dst, *any(v).(*[]string)), nil
		}}
	}
	columns, err := columnsOf(reflect.TypeFor[T]())
	e := Encoder[T]{err: err, Append: func(dst []byte, v *T) ([]byte, error) {
		return appendRecord(dst, columns, reflect.ValueOf(v).Elem())
	}}
	if header {
		var names []string
		for _, c := range columns {
			names = append(names, c.name)
		}
		e.Header = appendStrings(nil, names)
	}
	return e
}

func appendStrings(dst []byte, cells []string) []byte {
	begin := len(dst)
	for i, c := range cells {
		if i > 0 {
			dst = append(dst, ',')
		}
		from := len(dst)
		dst = quote(append(dst, c...), from)
	}
	return endRecord(dst, begin)
}

func appendRecord(dst []byte, columns []column, v reflect.Value) ([]byte, error) {
	begin := len(dst)
	for i := range columns {
		if i > 0 {
			dst = append(dst, ',')
		}
		from := len(dst)
		var err error
		if dst, err = columns[i].encode(dst, v.Field(columns[i].field)); err != nil {
			return dst[:begin], fmt.Errorf("column %q: %w", columns[i].name, err)
		}
		dst = quote(dst, from)
	}
	return endRecord(dst, begin), nil
}

// endRecord ends a line. An empty line would be no record.
func endRecord(dst []byte, begin int) []byte {
	if len(dst) == begin {
		dst = append(dst, '"', '"')
	}
	return append(dst, '\n')
}

// quote puts the cell dst[from:] in quotes if it needs them.
func quote(dst []byte, from int) []byte {
	cell := string(dst[from:])
	if cell == "" {
		return dst
	}
	first, _ := utf8.DecodeRuneInString(cell)
	if !strings.ContainsAny(cell, ",\"\r\n") && !unicode.IsSpace(first) && cell != `\.` {
		return dst
	}
	dst = append(dst[:from], '"')
	dst = append(dst, strings.ReplaceAll(cell, `"`, `""`)...)
	return append(dst, '"')
}

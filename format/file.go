package format

import (
	"io"

	"github.com/flott-dev/flott/column"
)

// File is a file to read, or a range of it.
type File struct {
	io.ReaderAt
	// Name is for errors. Size is the length of the file.
	Name string
	Size int64
	// From and To are the range. What belongs to a range is what begins in it, so that ranges that cover
	// the file have each row once.
	From, To int64
}

// Position is where the next row of a range is. The zero value is at the first one.
type Position struct {
	// Block is the offset of what rows are counted from, and Rows their number before the next one.
	Block, Rows int64
}

// FileDecoder reads files that are more than records one after the other: with a header, in blocks.
type FileDecoder interface {
	// Open begins with a range of a file, at a position in it.
	Open(f File, at Position) error
	// Decode appends at most so many rows to a batch, as Decoder.Decode does, and fewer only at the end
	// of a part of the file. It returns io.EOF, and appends nothing, at the end of the range.
	Decode(b *column.Batch, most int) error
	// Position is where the next row is.
	Position() Position
}

// FileEncoder writes a file.
type FileEncoder interface {
	// Encode adds the rows at places of a batch, whose columns are those of the table's schema.
	Encode(b *column.Batch, places []int32) error
	// Close writes the rest of the file. It does not close what is written to.
	Close() error
}

// Package colcodec is how values in columns look as bytes.
//
//	Append, Decode   a batch, column by column: in flight, spilled and on the wire
//	Layout           some columns of one row: what state holds
//	Key              the same of key columns, with their hashes: whose row it is
//	Order            the same so that bytes compare as the rows do: ordered state, sorts
//
// Layout, Key and Order depend on the SQL value only, never on how it lies in memory: selected or not, with
// the upper halves of decimals or without. -0.0 and 0.0 are different, all NaN are one, and NULL is a value
// of its own. So equal bytes are equal rows.
//
// Data flow: internal/exchange hashes keys and encodes batches, internal/spill encodes batches; operators on
// columns encode keys and rows for internal/keyed and decode them into vectors.
//
// # A batch
//
//	byte     1, the version
//	uvarint  rows; uvarint columns
//	byte     1 if there are kinds, then a byte for each row
//	columns, each:
//	  byte     1: some values are NULL, then a bitmap; 2: a decimal has upper halves
//	  values   by the form of the type, see below
//
//	BOOLEAN                   a bitmap
//	integers, times           numbers
//	FLOAT, DOUBLE             as in memory, the lowest byte first
//	DECIMAL                   numbers; and numbers for the upper halves, if there are any
//	TIMESTAMP(p > 6)          numbers for microseconds, and for nanoseconds
//	texts and bytes           numbers for the lengths; the bytes
//	ROW                       a column for each field
//	ARRAY, MAP, MULTISET      numbers for the lengths; a column for each child
//	numbers: byte             their width, 1, 2, 4 or 8; varint least of them;
//	         each             what it exceeds the least by
//
// # A row
//
//	a bit for each column, set if it is not NULL
//	each that is not NULL, by its form:
//	  BOOLEAN                 a byte
//	  integers, times         varint
//	  FLOAT, DOUBLE           4 or 8 bytes
//	  DECIMAL(p <= 18)        varint
//	  DECIMAL(p > 18)         byte 0, varint; or byte 1, 16 bytes where it does not fit
//	  TIMESTAMP               varint microseconds; if p > 6 uvarint nanoseconds
//	  texts and bytes         uvarint length, the bytes
//	  ROW                     a row
//	  ARRAY                   uvarint length; each element a row of one column
//	  MAP, MULTISET           uvarint length; each entry a row of two, in the order of their bytes
package colcodec

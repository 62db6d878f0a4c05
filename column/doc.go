// Package column keeps values of the types of package row in columns: what formats, connectors and vectorised functions read and write.
//
// A Vector has the values of one column, in slices of plain numbers and bytes. A Batch has vectors of one length, the
// kinds of its rows' changes, and which rows are selected.
//
//	Batch   Cols[0]   Cols[1]         Kinds   Sel
//	row 0   I32: 7    Data: "red"     +I      0
//	    1        0          ""        -D      2
//	    2        9          "blue"    +U
//
// Data flow: formats fill batches, SQL's operators compute with them, and the exchange splits, encodes
// and decodes them.
//
// # Layout
//
// A type's values lie in these fields of a Vector:
//
//	BOOLEAN                                 Bools
//	TINYINT, SMALLINT, INT                  I32
//	DATE, TIME                              I32: days, milliseconds of the day
//	BIGINT                                  I64
//	FLOAT, DOUBLE                           F32, F64
//	DECIMAL(p, s)                           I64: the unscaled value; and Hi, its upper 64 bits, where one needs them
//	TIMESTAMP, TIMESTAMP_LTZ                I64: microseconds since 1970; Nanos: 0 to 999, where precision > 6
//	INTERVAL YEAR TO MONTH, DAY TO SECOND   I32: months; I64: milliseconds
//	CHAR, VARCHAR, BINARY, VARBINARY, RAW   Off and Data: value i is Data[Off[i]:Off[i+1]]
//	ROW                                     Children: a vector for each field
//	ARRAY, MULTISET                         Off, and Children[0] with the elements of all rows; Children[1] counts
//	MAP                                     Off, and Children[0], Children[1] with keys and values
//
// Valid has a bit for each value that is not NULL; it is nil where none is NULL. What stands at the
// place of a NULL is unspecified and is not read; for a ROW that goes for the fields.
package column

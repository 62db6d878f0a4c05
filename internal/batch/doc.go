// Package batch holds the rows that move between operators: Rows of the typed API, Columns of SQL.
//
// A Rows[T] is a slice of values with a column of event times, an optional column of keys, and
// watermark marks. A Columns has vectors of package column in their place. Everything that crosses
// an operator boundary is a batch or a control element; costs that can be paid per batch are never paid
// per record.
//
// Data flow: sources and operators fill a batch from their Pool, hand it to the next Receiver, which
// owns it from then on; the last holder releases it, and it returns to the Pool it came from.
//
// # Ownership
//
// The header (the Rows or Columns itself, with its marks) has exactly one owner. The columns behind it are
// shared by all headers that Share made, counted, and never changed while more than one header
// refers to them. Strings and slices inside the values are ordinary Go memory: they stay valid
// after the batch was released. Bytes in the vectors of a Columns do not: they are used again.
//
// A Columns may hold others, whose vectors are then among its own: see Columns.Borrow.
package batch

// Package batch holds the rows that move between operators of the typed API.
//
// A Rows[T] is a slice of values with a column of event times, an optional column of keys, and
// watermark marks. Everything that crosses an operator boundary is a Rows or a control element;
// costs that can be paid per batch are never paid per record.
//
// Data flow: sources and operators fill a Rows from their Pool, hand it to the next Receiver, which
// owns it from then on; the last holder releases it, and it returns to the Pool it came from.
//
// # Ownership
//
// The header (the Rows itself, with its marks) has exactly one owner. The columns behind it are
// shared by all headers that Share made, counted, and never changed while more than one header
// refers to them. Strings and slices inside the values are ordinary Go memory: they stay valid
// after the batch was released.
package batch

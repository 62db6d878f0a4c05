// Package codec turns Go values of any encodable type into bytes and back, and keys into canonical
// bytes and hashes. A type is looked at once, by reflection; what comes out is a program of flat
// operations on field offsets, so that no reflect.Value is touched per record (maps excepted).
//
// Data flow: stream and keyed build codecs with For and KeyFor while a job graph is built;
// exchange, state tables and checkpoint then run them on batches of records, and write Schema
// beside the bytes.
//
// # Value encoding
//
// The bytes of a type are the same in every process, build and run. There is no header: the schema
// is kept elsewhere, once for each stream or state.
//
//	bool, intN, uintN, floatN, complexN   their width, little endian (int, uint: 64 bits)
//	string                                uvarint length, bytes
//	[]T, map[K]V                          uvarint length+1 (0 is nil), elements or key-value
//	                                      pairs, sorted by encoded key
//	[n]T, struct                          elements or fields, nothing between them
//	*T                                    0 for nil, or 1 and the value
//	time.Time                             seconds since 1970 (int64) and nanoseconds (uint32)
//	big.Int, big.Rat                      uvarint 2*bytes+sign, magnitude; two of them
//	big.Float                             uvarint length and its gob encoding
//	encoding.BinaryMarshaler, custom      uvarint length and its bytes
//
// A time.Time keeps its instant only: location and monotonic reading are dropped, decoding gives
// UTC. Pointers are followed: two pointers to one value become two values, and a cyclic value is
// refused.
//
// Structs are encoded with their unexported fields, since losing a field in silence would make a
// restored job differ from the one that failed. Refused is a struct that has nothing but unexported
// fields and belongs to the standard library or to another package than the type the user encodes
// (sync.Mutex, regexp.Regexp): its bytes mean nothing outside its package. Blank fields are
// skipped. The tag `flott:"-"` skips a field, which is then zero after decoding; `flott:"name"`
// names it in the schema, and `flott:"name,was=old"` says under which name older schemas have it.
//
// A marshaler must be the type's own: MarshalBinary promoted from an embedded field would leave out
// the other fields, so that such a struct is encoded field by field.
//
// # Key encoding
//
// Two keys are equal if and only if their canonical bytes are equal. The bytes are self-delimiting,
// and bytes.Compare orders them as the keys are ordered:
//
//	bool, uintN      big endian
//	intN             big endian with the sign bit flipped
//	floatN           big endian, sign bit flipped if positive, all bits if negative;
//	                 -0 < 0 and they are two keys; all NaN are one key, above +Inf
//	string, []byte   00 becomes 00 FF; 00 01 ends it
//	[]T              01 before each element, 00 at the end; nil and empty are one key
//	[n]T, struct     elements or fields, nothing between them
//	time.Time        seconds, nanoseconds: an instant, whatever the location
//	big.Int          sign, length, magnitude, so that the order is that of the numbers
//	big.Rat          numerator, denominator (canonical, but not in the order of the numbers)
//	marshalers       of struct types only: the bytes of MarshalBinary or AppendBinary, as []byte
//	custom           the bytes of the registered encoder, as []byte
//
// Both encodings are part of the format of checkpoints and savepoints, as are the hashes (they
// decide which subtask owns a key). The golden files in testdata hold them still.
//
// # Non-obvious
//
//   - Pointers passed to marshalers and custom codecs are hidden from escape analysis, so that a
//     codec can be run on a value on the stack. Such code must not keep the pointer, dst or src.
//   - Decoding a recursive type grows slices as elements arrive. Allocating the claimed length at
//     once would let n bytes of input claim n elements on each of thousands of levels.
//   - A bool read from the input is checked even inside a run of bytes that is copied as a whole: a
//     Go bool that is neither 0 nor 1 is undefined behaviour.
package codec

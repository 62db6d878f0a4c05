package codec

import (
	"errors"
	"fmt"
	"reflect"
)

// TypeError says that a type cannot be encoded, or cannot be a key, and which field is to blame.
type TypeError struct {
	Root   reflect.Type // type that a codec was asked for
	Type   reflect.Type // type that is refused
	Path   string       // path of the field from Root, such as main.Order.Items[].Callback
	Reason string       // what is wrong, such as "cannot be encoded"
	Advice string       // what the user can do
}

// Error names the field path, its type, the reason and the way out.
func (e *TypeError) Error() string {
	at := e.Path + ": "
	if e.Path == e.Type.String() {
		at = ""
	}
	return fmt.Sprintf("codec: %s%s %s; %s", at, e.Type, e.Reason, e.Advice)
}

const (
	adviceField = `remove the field, tag it flott:"-", or register a codec with stream.WithCodec`
	adviceRoot  = `use another type, or register a codec with stream.WithCodec`
	adviceTag   = `give every field a name of its own, of letters, digits, '_', '-' and '.'`
)

// DecodeError says that bytes are not an encoding of a type.
type DecodeError struct {
	Type   reflect.Type // type that was decoded
	Offset int          // bytes of the input that were understood
	Err    error        // what was wrong there
}

// Error names the type, the offset and the cause.
func (e *DecodeError) Error() string {
	return fmt.Sprintf("codec: decode %s at byte %d: %v", e.Type, e.Offset, e.Err)
}

// Unwrap returns the cause.
func (e *DecodeError) Unwrap() error { return e.Err }

// MarshalError is the value of the panic raised when a value cannot be encoded although its type
// can: a marshaler returned an error, or a value is cyclic. The task recovers it.
type MarshalError struct {
	Type reflect.Type // type of the part of the value that failed
	Err  error        // what the marshaler returned, or ErrDepth
}

// Error names the type and the cause.
func (e *MarshalError) Error() string {
	return fmt.Sprintf("codec: encode %s: %v", e.Type, e.Err)
}

// Unwrap returns the cause.
func (e *MarshalError) Unwrap() error { return e.Err }

// ErrDepth says that a value of a recursive type is nested too deeply, or is cyclic.
var ErrDepth = errors.New("value is cyclic or nested more than 10000 levels deep")

// depthMax bounds the recursion, since a stack overflow of a goroutine cannot be recovered.
const depthMax = 10000

// Causes of a DecodeError.
var (
	errShort     = errors.New("input ends early")
	errBool      = errors.New("bool is neither 0 nor 1")
	errUvarint   = errors.New("malformed length")
	errCount     = errors.New("more elements than the input can hold")
	errPresence  = errors.New("presence byte is neither 0 nor 1")
	errPad       = errors.New("byte of an empty element is not 0")
	errNanos     = errors.New("nanoseconds out of range")
	errMapOrder  = errors.New("map keys are not sorted")
	errMapTwice  = errors.New("map key occurs twice")
	errBig       = errors.New("malformed big number")
	errLeftOver  = errors.New("decoder left bytes over")
	errNaN       = errors.New("NaN is not canonical")
	errEscape    = errors.New("malformed escape in a string")
	errMarker    = errors.New("element marker is neither 0 nor 1")
	errTruncated = errors.New("encoder returned less than it was given")
)

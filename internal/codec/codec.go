package codec

import (
	"reflect"
	"sync"
	"time"
	"unsafe"
)

// Codec encodes and decodes values of type T. It is immutable; any number of goroutines may use it.
type Codec[T any] struct {
	prog   *program
	schema *Schema
}

// codecs caches the codecs without custom parts: reflect.Type to *Codec[T].
var codecs sync.Map

// For returns the codec of T, with the custom codecs of r (which may be nil). The error is a
// *TypeError.
func For[T any](r *Registry) (*Codec[T], error) {
	t := reflect.TypeFor[T]()
	customs := r.snapshot()
	if len(customs) == 0 {
		if c, ok := codecs.Load(t); ok {
			return c.(*Codec[T]), nil
		}
	}
	comp := newCompiler(t, customs, false)
	prog, err := comp.compile(t)
	if err != nil {
		return nil, err
	}
	c := &Codec[T]{prog: prog, schema: comp.schemaOf(t)}
	if len(customs) == 0 {
		codecs.Store(t, c)
	}
	return c, nil
}

// Append appends the encoding of *v to dst. It panics with a *MarshalError if a marshaler inside v
// fails or v is cyclic.
//
//flott:hot
func (c *Codec[T]) Append(dst []byte, v *T) []byte {
	return appendProgram(dst, unsafe.Pointer(v), c.prog, 0)
}

// Decode sets *v to the value at the start of src and returns what follows it. Nothing in *v points
// into src, nor is memory of the old *v written to. After an error, a *DecodeError, *v is
// unspecified. The memory allocated is at most proportional to len(src), by a factor that depends
// on T.
//
//flott:hot
func (c *Codec[T]) Decode(src []byte, v *T) (rest []byte, err error) {
	return c.decode(src, v, mode{})
}

// DecodeAlias is Decode, but strings and []byte in *v point into src, which the caller must not
// change for as long as they are in use.
//
//flott:hot
func (c *Codec[T]) DecodeAlias(src []byte, v *T) (rest []byte, err error) {
	return c.decode(src, v, mode{alias: true})
}

// DecodeIn is Decode, but strings and []byte in *v are in memory of a, side by side with those of
// other values.
//
//flott:hot
func (c *Codec[T]) DecodeIn(a *Arena, src []byte, v *T) (rest []byte, err error) {
	return c.decode(src, v, mode{arena: a})
}

func (c *Codec[T]) decode(src []byte, v *T, m mode) ([]byte, error) {
	if c.prog.skips {
		var zero T
		*v = zero
	}
	rest, err := decodeProgram(src, unsafe.Pointer(v), c.prog, m)
	if err != nil {
		return nil, &DecodeError{Type: c.prog.typ, Offset: len(src) - len(rest), Err: err}
	}
	return rest, nil
}

// DecodeFrom returns the function that decodes values which were encoded with another schema of the
// type: Decode itself when that is the one of today, else one that converts them first, which is for
// one goroutine. The error is a *ConvertError.
func (c *Codec[T]) DecodeFrom(was Schema) (func(src []byte, v *T) (rest []byte, err error), error) {
	if was.Equal(*c.schema) {
		return c.Decode, nil
	}
	convert, err := Convert(was, *c.schema)
	if err != nil {
		return nil, err
	}
	var buf []byte
	return func(src []byte, v *T) (rest []byte, err error) {
		if buf, rest, err = convert.Append(buf[:0], src); err == nil {
			_, err = c.Decode(buf, v)
		}
		return rest, err
	}, nil
}

// FixedSize returns the number of bytes that every value of T is encoded in, if there is one.
func (c *Codec[T]) FixedSize() (n int, ok bool) {
	if !c.prog.fixed {
		return 0, false
	}
	return c.prog.min, true
}

// MinSize is the fewest bytes that a value of T is encoded in.
func (c *Codec[T]) MinSize() int { return c.prog.min }

// PointerFree reports whether the Go memory of a T holds no pointers, so that the garbage collector
// need not scan it.
func (c *Codec[T]) PointerFree() bool { return pointerFree(c.prog.typ, false) }

// Immutable reports whether copies of a T share nothing that can be changed: it has no pointers but
// those of strings and of times.
func (c *Codec[T]) Immutable() bool { return pointerFree(c.prog.typ, true) }

// Schema returns the schema of T. The caller must not change what it refers to.
func (c *Codec[T]) Schema() Schema { return *c.schema }

// pointerFree reports whether the memory of a value of type t has no pointers in it, or none but to
// what nobody changes.
func pointerFree(t reflect.Type, orConstant bool) bool {
	if orConstant && (t.Kind() == reflect.String || t == reflect.TypeFor[time.Time]()) {
		return true
	}
	switch t.Kind() {
	case reflect.Array:
		return t.Len() == 0 || pointerFree(t.Elem(), orConstant)
	case reflect.Struct:
		for i := range t.NumField() {
			if !pointerFree(t.Field(i).Type, orConstant) {
				return false
			}
		}
		return true
	}
	return t.Kind() <= reflect.Complex128
}

package codec

import (
	"reflect"
	"sync"
	"unsafe"
)

// Registry holds the custom codecs of one job. The zero value is empty and ready; nil is empty too.
// It may be used by several goroutines, but must not be copied.
type Registry struct {
	mu struct {
		sync.Mutex
		customs map[reflect.Type]*custom
	}
}

// custom is a registered codec with its type erased.
type custom struct {
	name string
	enc  func(dst []byte, p unsafe.Pointer) []byte
	dec  func(src []byte, p unsafe.Pointer) ([]byte, error)
}

// Register makes every codec built from r afterwards encode T with enc and decode it with dec,
// wherever T occurs. It works for interfaces too. A second registration of T replaces the first.
//
// The schemaName stands for T in the schema: change it whenever the encoding changes. enc appends
// to dst. dec must consume all of src, which holds exactly what enc appended, and must copy what it
// keeps. Neither may keep v.
func Register[T any](
	r *Registry, schemaName string,
	enc func(dst []byte, v *T) []byte, dec func(src []byte, v *T) (rest []byte, err error),
) {
	c := &custom{
		name: schemaName,
		enc:  func(dst []byte, p unsafe.Pointer) []byte { return enc(dst, (*T)(p)) },
		dec:  func(src []byte, p unsafe.Pointer) ([]byte, error) { return dec(src, (*T)(p)) },
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.mu.customs == nil {
		r.mu.customs = make(map[reflect.Type]*custom)
	}
	r.mu.customs[reflect.TypeFor[T]()] = c
}

// snapshot returns a copy of the custom codecs, so that a compilation does not hold the lock.
func (r *Registry) snapshot() map[reflect.Type]*custom {
	if r == nil {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	customs := make(map[reflect.Type]*custom, len(r.mu.customs))
	for t, c := range r.mu.customs {
		customs[t] = c
	}
	return customs
}

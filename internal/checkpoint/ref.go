package checkpoint

import (
	"errors"

	"github.com/zeebo/xxh3"

	"github.com/flott-dev/flott/internal/operator"
)

// Codec says how stored bytes are compressed. The numbers are part of the format.
type Codec uint8

// Codecs.
const (
	CodecNone Codec = iota
	CodecS2         // a block of s2
	CodecZstd       // a frame of zstd
	codecs
)

// Ref says where the bytes of a blob lie.
type Ref struct {
	// Object is the name of the object that holds them: below the directory that the manifest belongs
	// to, or a URI. "" if they are Inline.
	Object string
	// ObjectSize is the size of the whole object.
	ObjectSize int64
	// Offset is where the stored bytes begin.
	Offset int64
	// Stored is how many there are.
	Stored int64
	// Size is how many bytes they stand for.
	Size int64
	// Sum is the xxh3 of the stored bytes.
	Sum uint64
	// Codec is how they are compressed.
	Codec Codec
	// Inline has the stored bytes if they are not in an object.
	Inline []byte
}

// Referrer is a Blob that knows where it is stored. Manifests hold its Ref instead of its bytes.
type Referrer interface {
	operator.Blob
	// Ref is where the bytes lie, or nil as long as that is not certain.
	Ref() *Ref
}

// Unbound is a Referrer without a way to the storage: what a decoded manifest has.
type Unbound struct{ ref *Ref }

// NewUnbound returns a blob that lies at r.
func NewUnbound(r *Ref) Unbound { return Unbound{r} }

// Ref is where the bytes lie.
func (u Unbound) Ref() *Ref { return u.ref }

// Size is the number of bytes.
func (u Unbound) Size() int64 { return u.ref.Size }

// Load returns bytes that are inline and not compressed; others need the storage.
func (u Unbound) Load() ([]byte, error) {
	if u.ref.Object == "" && u.ref.Codec == CodecNone {
		return u.ref.Inline, nil
	}
	return nil, errors.New("the snapshot is not bound to its storage")
}

var errNotStored = errors.New("a part of it is still being written")

// refOf returns where a blob lies. One that is in memory is inline.
func refOf(b operator.Blob) (*Ref, error) {
	if r, ok := b.(Referrer); ok {
		if ref := r.Ref(); ref != nil {
			return ref, nil
		}
		return nil, errNotStored
	}
	data, err := b.Load()
	if err != nil {
		return nil, err
	}
	n := int64(len(data))
	return &Ref{Stored: n, Size: n, Sum: xxh3.Hash(data), Inline: data}, nil
}

// Refs passes every Ref of the snapshot to f, with the operator's uid and the name of the state: ""
// for what is not keyed. Blobs in memory are left out.
func (s *Snapshot) Refs(f func(uid, state string, r *Ref)) {
	for uid, o := range s.Operators {
		pass := func(state string, b operator.Blob) {
			if r, ok := b.(Referrer); ok && r.Ref() != nil {
				f(uid, state, r.Ref())
			}
		}
		for _, sub := range o.Subtasks {
			if sub == nil {
				continue
			}
			for i := range sub.Keyed {
				pass(sub.Keyed[i].State, sub.Keyed[i].Data)
			}
			for i := range sub.InFlight {
				pass("", sub.InFlight[i].Data)
			}
			for _, t := range sub.Trees {
				for i := range t.Files {
					for _, part := range t.Files[i].Parts {
						pass(t.Name(), part)
					}
				}
			}
		}
		for _, rest := range o.Rest {
			pass("", rest)
		}
	}
}

// Bind replaces every Referrer of the snapshot by what bind makes of it.
func (s *Snapshot) Bind(bind func(uid, state string, r *Ref) operator.Blob) {
	for uid, o := range s.Operators {
		for _, sub := range o.Subtasks {
			if sub == nil {
				continue
			}
			for i := range sub.Keyed {
				if r, ok := sub.Keyed[i].Data.(Referrer); ok && r.Ref() != nil {
					sub.Keyed[i].Data = bind(uid, sub.Keyed[i].State, r.Ref())
				}
			}
			for i := range sub.InFlight {
				if r, ok := sub.InFlight[i].Data.(Referrer); ok && r.Ref() != nil {
					sub.InFlight[i].Data = bind(uid, "", r.Ref())
				}
			}
			for _, t := range sub.Trees {
				for i := range t.Files {
					for k, part := range t.Files[i].Parts {
						if r, ok := part.(Referrer); ok && r.Ref() != nil {
							t.Files[i].Parts[k] = bind(uid, t.Name(), r.Ref())
						}
					}
				}
			}
		}
		for i, rest := range o.Rest {
			if r, ok := rest.(Referrer); ok && r.Ref() != nil {
				o.Rest[i] = bind(uid, "", r.Ref())
			}
		}
	}
}

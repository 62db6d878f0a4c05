package storage

import (
	"context"
	"encoding/binary"
	"errors"
	"slices"

	"github.com/zeebo/xxh3"

	"github.com/flott-dev/flott/internal/blob"
)

// pointerObject is the checkpoint pointer of one job: an object of a few hundred bytes in its directory.
type pointerObject struct{ dir blob.Store }

func (p pointerObject) Get(ctx context.Context) ([]byte, error) { return p.dir.Get(ctx, pointerName) }

// Swap sets it to next if it is old, nil standing for none; else it fails with blob.ErrConflict. After any other error it
// may have been changed.
func (p pointerObject) Swap(ctx context.Context, old, next []byte) error {
	return p.dir.Swap(ctx, pointerName, old, next)
}

// URI names it in errors.
func (p pointerObject) URI() string { return blob.Join(p.dir.URI(), pointerName) }

// pointer says which checkpoints a job has.
type pointer struct {
	epoch int64 // of the leader that may change it
	// serial counts the changes, so that no two contents are equal. Who takes the job over begins at a number of its own:
	// of two that do so at once, the one that comes late would else take the other's contents for its own.
	serial   int64
	retained []entry // the newest first
	// claimed are manifests that the job owns and no longer retains, but whose objects retained ones
	// may name.
	claimed []string
}

type entry struct {
	id       int64
	manifest string // below the job's directory, or a URI
}

const pointerMagic = "FLOTTPT1"

// encode returns magic, numbers as varints, strings with their length, and the xxh3 of all that.
func (p *pointer) encode() []byte {
	out := []byte(pointerMagic)
	for _, n := range []int64{p.epoch, p.serial, int64(len(p.retained))} {
		out = binary.AppendVarint(out, n)
	}
	text := func(s string) { out = append(binary.AppendUvarint(out, uint64(len(s))), s...) }
	for _, e := range p.retained {
		out = binary.AppendVarint(out, e.id)
		text(e.manifest)
	}
	out = binary.AppendVarint(out, int64(len(p.claimed)))
	for _, c := range p.claimed {
		text(c)
	}
	return binary.LittleEndian.AppendUint64(out, xxh3.Hash(out))
}

var errPointer = errors.New("its checksum is wrong")

func decodePointer(data []byte) (*pointer, error) {
	end := len(data) - 8
	if end < len(pointerMagic) || string(data[:len(pointerMagic)]) != pointerMagic ||
		xxh3.Hash(data[:end]) != binary.LittleEndian.Uint64(data[end:]) {
		return nil, errPointer
	}
	in, bad := data[len(pointerMagic):end], false
	number := func() int64 {
		v, n := binary.Varint(in)
		if n <= 0 {
			bad, n = true, 0
		}
		in = in[n:]
		return v
	}
	text := func() string {
		size, n := binary.Uvarint(in)
		if n <= 0 || size > uint64(len(in)-n) {
			bad = true
			return ""
		}
		s := string(in[n : n+int(size)])
		in = in[n+int(size):]
		return s
	}
	p := &pointer{epoch: number(), serial: number()}
	for n := number(); n > 0 && !bad; n-- {
		p.retained = append(p.retained, entry{number(), text()})
	}
	for n := number(); n > 0 && !bad; n-- {
		p.claimed = append(p.claimed, text())
	}
	if bad || len(in) > 0 {
		return nil, errPointer
	}
	return p, nil
}

// add makes e the newest of at most retain checkpoints.
func (p *pointer) add(e entry, retain int) {
	p.retained = slices.Insert(p.retained, 0, e)
	for len(p.retained) > retain {
		last := p.retained[len(p.retained)-1]
		p.retained = p.retained[:len(p.retained)-1]
		if absolute(last.manifest) {
			p.claimed = append(p.claimed, last.manifest)
		}
	}
}

func (p *pointer) names(manifest string) bool {
	return slices.ContainsFunc(p.retained, func(e entry) bool { return e.manifest == manifest })
}

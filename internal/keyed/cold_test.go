package keyed

import (
	"github.com/cockroachdb/pebble/v2/vfs"
	"pgregory.net/rapid"

	"github.com/flott-dev/flott/internal/lsm"
)

// putOnDisk puts a disk behind the states that are made of b, if really. What it returns ends that.
func putOnDisk(b *Backend, really bool) (end func()) {
	if !really {
		return func() {}
	}
	space := &lsm.Space{Bytes: 1, FS: vfs.NewMem()}
	b.cold = &cold{open: space.Open, fail: func(err error) { panic(err) }}
	return func() {
		if b.cold.store == nil {
			return
		}
		for _, t := range b.cold.tables {
			if e, ok := t.(interface{ finish() }); ok {
				e.finish()
			}
		}
		if err := b.cold.store.Close(); err != nil {
			panic(err)
		}
	}
}

// evict takes a part of the entries out of the tables.
func (h *history) evict(t *rapid.T) {
	part := rapid.SampledFrom([]float64{0, 0.3, 1}).Draw(t, "part")
	for _, table := range h.b.cold.tables {
		table.evict(part)
	}
	h.b.cold.sweep()
}

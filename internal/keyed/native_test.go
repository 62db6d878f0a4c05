package keyed

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/lsm"
	"github.com/flott-dev/flott/internal/operator"
)

// nativeState is what is restored of a native snapshot: with its files, which are adopted where they fit,
// or without.
func nativeState(t *rapid.T, s *operator.State, withFiles bool) *operator.State {
	from := &operator.State{Described: s.Described, Keyed: s.Keyed}
	for _, tree := range s.Trees {
		half := tree.First + (tree.Last-tree.First)/2
		from.Keyed = append(from.Keyed, lsm.Sections(tree, s.Described, 0, half)...)
		from.Keyed = append(from.Keyed, lsm.Sections(tree, s.Described, half+1, 1<<15)...)
	}
	if withFiles {
		from.Trees = s.Trees
	}
	return from
}

// checkKnown checks that a native checkpoint stores no table again that the one it stands on has.
func (h *history) checkKnown(t *rapid.T, p *historyPoint) {
	if p.snapshot.Since == 0 {
		return
	}
	if p.snapshot.Since > p.id || h.confirmed == nil || p.snapshot.Since > h.confirmed.id {
		t.Fatalf("checkpoint %d stands on %d", p.id, p.snapshot.Since)
	}
	new := int64(0)
	for i := range p.captured.Tree.Files {
		f := &p.captured.Tree.Files[i]
		known, ok := p.captured.Known[f.Name]
		switch {
		case !ok:
			new += f.Bytes()
		case len(f.Parts) > 0 && &f.Parts[0] != &known.Parts[0]:
			t.Fatalf("%s is stored again", f.Name)
		}
	}
	if new != p.captured.Tree.New {
		t.Fatalf("%d bytes are new, not %d", new, p.captured.Tree.New)
	}
}

// TestNativeRestore: files are adopted only where numbers, forms and types of the states are as they
// were; else what they hold is restored.
func TestNativeRestore(t *testing.T) {
	const keys = 300
	w := &operator.Snapshot{Checkpoint: 1, Native: true}
	func() {
		b := newTestBackend(true)
		defer putOnDisk(b, true)()
		counts, names := NewValues(b, mustCodec[int32](t)), NewList(b, mustCodec[string](t))
		b.Add("counts", counts)
		b.Add("names", names)
		for k := range uint64(keys) {
			b.Set(codec.HashWord(k), k, nil)
			v, _ := counts.Current()
			*v = int32(k)
			names.Add(text(k), "x")
		}
		b.Snapshot(w)
		w.Finish()
	}()
	if len(w.State.Trees) != 1 || len(w.State.Keyed) != 0 {
		t.Fatalf("%d trees, %d sections", len(w.State.Trees), len(w.State.Keyed))
	}
	type states struct {
		count func() int64
		names func() []string
	}
	same := func(b *Backend) states {
		c, n := NewValues(b, mustCodec[int32](t)), NewList(b, mustCodec[string](t))
		b.Add("counts", c)
		b.Add("names", n)
		return states{func() int64 { return int64(*c.Lookup()) }, n.Get}
	}
	for name, c := range map[string]struct {
		make    func(b *Backend) states
		first   int // key group
		onDisk  bool
		adopted bool
	}{
		"same":            {same, 0, true, true},
		"in memory":       {same, 0, false, false},
		"some key groups": {same, 1, true, false},
		"one more state": {func(b *Backend) states {
			s := same(b)
			b.Add("more", NewValues(b, mustCodec[int64](t)))
			return s
		}, 0, true, true},
		"other order": {func(b *Backend) states {
			n, c := NewList(b, mustCodec[string](t)), NewValues(b, mustCodec[int32](t))
			b.Add("counts", c)
			b.Add("names", n)
			return states{func() int64 { return int64(*c.Lookup()) }, n.Get}
		}, 0, true, false},
		"wider type": {func(b *Backend) states {
			c, n := NewValues(b, mustCodec[int64](t)), NewList(b, mustCodec[string](t))
			b.Add("counts", c)
			b.Add("names", n)
			return states{func() int64 { return *c.Lookup() }, n.Get}
		}, 0, true, false},
		"with time to live": {func(b *Backend) states {
			b.Now = func() int64 { return 5 }
			c := NewTTLValues(b, mustCodec[Timed[int32]](t), mustCodec[int32](t), TTL{Millis: 10})
			n := NewList(b, mustCodec[string](t))
			b.Add("counts", c)
			b.Add("names", n)
			return states{func() int64 { return int64(*c.Lookup()) }, n.Get}
		}, 0, true, false},
	} {
		b := newTestBackend(true)
		b.First = c.first
		end := putOnDisk(b, c.onDisk)
		s := c.make(b)
		tree := w.State.Trees[0]
		from := &operator.State{
			Described: w.State.Described, Trees: w.State.Trees,
			Keyed: lsm.Sections(tree, w.State.Described, b.First, b.Last),
		}
		var store *adoptions
		if c.onDisk {
			store = &adoptions{Cold: b.cold.store}
			b.cold.store = store
		}
		if err := b.Restore(from); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if c.onDisk && (store.n > 0) != c.adopted {
			t.Errorf("%s: adopted %d times", name, store.n)
		}
		for k := range uint64(keys) {
			hash := codec.HashWord(k)
			if int(hash>>32*4>>32) < c.first {
				continue
			}
			b.Set(hash, k, nil)
			if got := s.count(); got != int64(k) {
				t.Fatalf("%s: key %d: %d", name, k, got)
			}
			if got := s.names(); len(got) != 2 || got[0] != text(k) {
				t.Fatalf("%s: key %d: %q", name, k, got)
			}
		}
		end()
	}
}

type adoptions struct {
	operator.Cold
	n int
}

func (a *adoptions) Adopt(t *operator.Tree) error {
	a.n++
	return a.Cold.Adopt(t)
}

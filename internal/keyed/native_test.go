package keyed

import (
	"pgregory.net/rapid"

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

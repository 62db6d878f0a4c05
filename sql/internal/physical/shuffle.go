package physical

import (
	"strconv"

	"github.com/flott-dev/flott/sql/internal/exec"
)

// shuffle lets the rows of sources come in another order where none is defined: behind what makes watermarks of them,
// which depend on the order of the rows.
func (p *planner) shuffle(r *Rel, done map[*Rel]*Rel) *Rel {
	if s := done[r]; s != nil {
		return s
	}
	s := r
	switch r.Op.(type) {
	case *exec.Watermark, *exec.Normalize:
		s = p.shuffled(r)
	default:
		if r.Source != nil {
			s = p.shuffled(r)
		}
		for i, in := range r.Ins {
			r.Ins[i] = p.shuffle(in, done)
		}
	}
	done[r] = s
	return s
}

func (p *planner) shuffled(r *Rel) *Rel {
	op := &exec.Shuffle{In: r.Cols, Seed: p.Shuffle}
	if r.Kinds != insertOnly {
		if len(r.Keys) == 0 { // a change and the one that takes it back are not known as such
			return r
		}
		op.Keys = r.Keys[0]
	}
	return &Rel{
		Op: op, Name: "Shuffle", Detail: strconv.FormatUint(p.Shuffle, 10), Ins: []*Rel{r}, Cols: r.Cols, Dist: []Distribution{{}},
		Kinds: r.Kinds, Keys: r.Keys, needs: same,
	}
}

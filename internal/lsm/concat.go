package lsm

import (
	"io"
	"slices"

	"github.com/cockroachdb/pebble/v2"
)

// concat appends: so a list grows without being read.
var concat = &pebble.Merger{
	Name: "flott.concat.v1", // for ever: see the package's comment
	Merge: func(_, value []byte) (pebble.ValueMerger, error) {
		return &concatenation{newer: slices.Clone(value)}, nil
	},
}

// concatenation has what comes older last part first, so that neither end is moved.
type concatenation struct {
	newer []byte
	older [][]byte
}

// MergeNewer adds to the end.
func (c *concatenation) MergeNewer(value []byte) error {
	c.newer = append(c.newer, value...)
	return nil
}

// MergeOlder adds to the front.
func (c *concatenation) MergeOlder(value []byte) error {
	c.older = append(c.older, slices.Clone(value))
	return nil
}

// Finish is the whole.
func (c *concatenation) Finish(bool) ([]byte, io.Closer, error) {
	if len(c.older) == 0 {
		return c.newer, nil, nil
	}
	slices.Reverse(c.older)
	return append(slices.Concat(c.older...), c.newer...), nil, nil
}

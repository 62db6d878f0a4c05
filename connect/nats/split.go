package nats

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"strings"

	"github.com/flott-dev/flott/connect"
)

// split is what a filter takes of a stream, from a position on.
type split struct {
	id             string
	stream, filter string // filter is "" for all messages
	next           uint64 // the number from which on is read
	stop           uint64 // reading ends before this one; noStop for never
}

const noStop = math.MaxUint64

// splitVersion is the first byte of a split's data.
const splitVersion = 1

// idOf names a split.
func idOf(stream, filter string) string { return strings.TrimSuffix(stream+" "+filter, " ") }

func newSplit(stream, filter string, next, stop uint64) *split {
	return &split{idOf(stream, filter), stream, filter, next, stop}
}

// encode is version, next, stop; the rest is the id.
func (s *split) encode() connect.Split {
	b := binary.AppendUvarint([]byte{splitVersion}, s.next)
	return connect.Split{ID: s.id, Data: binary.AppendUvarint(b, s.stop)}
}

func decodeSplit(sp connect.Split) (*split, error) {
	d := decoder{b: sp.Data}
	version, next, stop := d.byte(), d.uvarint(), d.uvarint()
	stream, filter, _ := strings.Cut(sp.ID, " ")
	if d.broken || len(d.b) > 0 || version != splitVersion || next == 0 || stream == "" || idOf(stream, filter) != sp.ID {
		return nil, fmt.Errorf("nats: split %q is broken: % x", sp.ID, sp.Data)
	}
	return newSplit(stream, filter, next, stop), nil
}

// owner is the reader of a split that is found when others have theirs.
func owner(id string, parallelism int) int {
	h := fnv.New32a()
	h.Write([]byte(id))
	return int(h.Sum32() % uint32(parallelism))
}

// overlap reports whether a subject can match both filters.
func overlap(a, b string) bool {
	if a == "" || b == "" {
		return true
	}
	x, y := strings.Split(a, "."), strings.Split(b, ".")
	for i := range min(len(x), len(y)) {
		switch {
		case x[i] == ">" || y[i] == ">":
			return true
		case x[i] != y[i] && x[i] != "*" && y[i] != "*":
			return false
		}
	}
	return len(x) == len(y)
}

package kafka

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

// Offsets say where partitions begin to be read, or where reading ends.
type Offsets struct {
	kind  offsetsKind
	time  time.Time
	exact map[Partition]int64
}

// Partition is a partition of a topic.
type Partition struct {
	Topic  string
	Number int32
}

// String is like bids-3.
func (p Partition) String() string { return p.Topic + "-" + strconv.Itoa(int(p.Number)) }

type offsetsKind uint8

const (
	earliest offsetsKind = iota
	latest
	committed
	atTime
	exactly
)

// Earliest is the first record that there is: the beginning of a partition.
func Earliest() Offsets { return Offsets{} }

// Latest is behind the last record that there is at the start of the job.
func Latest() Offsets { return Offsets{kind: latest} }

// Committed is where the group has got to. A partition without an offset of the group is an error, unless
// auto.offset.reset is given.
func Committed() Offsets { return Offsets{kind: committed} }

// At is the first record whose timestamp is t or later; behind the last one if there is none.
func At(t time.Time) Offsets { return Offsets{kind: atTime, time: t} }

// Exactly is what a map says. To begin with, partitions that it does not name are read from their beginning; as the end, they are
// not read.
func Exactly(offsets map[Partition]int64) Offsets {
	return Offsets{kind: exactly, exact: maps.Clone(offsets)}
}

// String names the offsets.
func (o Offsets) String() string {
	switch o.kind {
	case latest:
		return "the latest offsets"
	case committed:
		return "the offsets of the group"
	case atTime:
		return "the offsets at " + o.time.Format(time.RFC3339Nano)
	case exactly:
		parts := slices.SortedFunc(maps.Keys(o.exact), comparePartitions)
		text := "the offsets"
		for _, p := range parts {
			text += fmt.Sprintf(" %s: %d", p, o.exact[p])
		}
		return text
	}
	return "the earliest offsets"
}

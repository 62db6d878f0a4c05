package kafka

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"

	"github.com/flott-dev/flott/connect"
)

// split is a partition from a position on.
type split struct {
	Partition
	id   string
	next int64 // the offset of the record to be read next
	stop int64 // reading ends before this one; noStop for never
	end  int64 // the offset behind the last record that was there when something was fetched last
}

const noStop = math.MaxInt64

// splitVersion is the first byte of a split's data.
const splitVersion = 1

func (s *split) ended() bool { return s.next >= s.stop }

// encode is version, partition, next, stop, topic.
func (s *split) encode() connect.Split {
	b := []byte{splitVersion}
	b = binary.AppendUvarint(b, uint64(s.Number))
	b = binary.AppendVarint(b, s.next)
	b = binary.AppendVarint(b, s.stop)
	return connect.Split{ID: s.Partition.String(), Data: append(b, s.Topic...)}
}

func decodeSplit(sp connect.Split) (*split, error) {
	b := sp.Data
	broken := fmt.Errorf("kafka: split %q is broken: % x", sp.ID, sp.Data)
	if len(b) == 0 || b[0] != splitVersion {
		return nil, broken
	}
	s := &split{id: sp.ID}
	number, n := binary.Uvarint(b[1:])
	if n <= 0 || number > math.MaxInt32 {
		return nil, broken
	}
	s.Number = int32(number)
	b = b[1+n:]
	for _, to := range []*int64{&s.next, &s.stop} {
		v, n := binary.Varint(b)
		if n <= 0 || v < 0 {
			return nil, broken
		}
		*to, b = v, b[n:]
	}
	if s.Topic = string(b); s.Partition.String() != sp.ID {
		return nil, broken
	}
	return s, nil
}

func comparePartitions(a, b Partition) int {
	return cmp.Or(cmp.Compare(a.Topic, b.Topic), cmp.Compare(a.Number, b.Number))
}

// owner is the reader of a partition: the partitions of a topic go to all readers in turn, beginning with one that
// differs between topics.
func owner(p Partition, parallelism int) int {
	h := fnv.New32a()
	h.Write([]byte(p.Topic))
	return int((uint64(h.Sum32()) + uint64(p.Number)) % uint64(parallelism))
}

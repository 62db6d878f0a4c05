package kafka

import (
	"bytes"
	"testing"

	"github.com/flott-dev/flott/connect"
)

// FuzzStates decodes what checkpoints have of splits, prepared transactions and their ids: what can be read is written the same.
func FuzzStates(f *testing.F) {
	s := split{Partition: Partition{"a", 3}, next: 7, stop: noStop}
	f.Add(s.encode().Data)
	f.Add((&committable{id: "p-0-1", producer: 12, epoch: 3, v2: true, checkpoint: 9}).encode())
	f.Add([]byte{committableVersion, 5, 'p', '-', '0', '-', '1'})
	f.Fuzz(func(t *testing.T, data []byte) {
		if c, err := decodeCommittable(data); err == nil {
			again, err := decodeCommittable(c.encode())
			if err != nil || again != c {
				t.Errorf("%+v, then %+v, %v", c, again, err)
			}
		}
		if ids, err := decodeIDs(data); err == nil && len(data) < len(ids) {
			t.Errorf("%d ids in %d bytes", len(ids), len(data))
		}
		for _, id := range []string{"a-3", (Partition{"a", 3}).String()} {
			s, err := decodeSplit(connect.Split{ID: id, Data: data})
			if err != nil {
				continue
			}
			again, err := decodeSplit(s.encode())
			if err != nil || *again != *s || !bytes.Equal(again.encode().Data, s.encode().Data) {
				t.Errorf("%+v, then %+v, %v", s, again, err)
			}
		}
	})
}

package nats

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/flott-dev/flott/connect"
)

// FuzzDecodeSplit decodes what checkpoints have of splits: what can be read is written the same.
func FuzzDecodeSplit(f *testing.F) {
	for _, s := range []*split{newSplit("a", "", 1, noStop), newSplit("a", "a.*.>", 7, 1<<40)} {
		f.Add(s.id, s.encode().Data)
	}
	f.Fuzz(func(t *testing.T, id string, data []byte) {
		s, err := decodeSplit(connect.Split{ID: id, Data: data})
		if err != nil {
			if !strings.Contains(err.Error(), strconv.Quote(id)) {
				t.Errorf("the error does not name the split %q: %v", id, err)
			}
			return
		}
		again, err := decodeSplit(s.encode())
		if err != nil || *again != *s || s.id != id || !bytes.Equal(again.encode().Data, s.encode().Data) {
			t.Errorf("%+v, then %+v, %v", s, again, err)
		}
	})
}

// FuzzStates decodes what checkpoints have of enumerators and of messages that are to be published.
func FuzzStates(f *testing.F) {
	e := &enumerator{
		starts: map[string]uint64{"a": 1, "b": 9}, known: map[string]bool{"a a.x": true, "b": true},
		left: [][]connect.Split{{newSplit("a", "a.x", 1, noStop).encode()}, {newSplit("b", "", 9, 12).encode()}},
	}
	state, err := e.Snapshot()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(state)
	c := &committable{nonce: "n", checkpoint: 1, prepared: 2, last: 3}
	c.add(&nats.Msg{Subject: "a", Data: []byte("x"), Header: nats.Header{"k": {"v", "w"}}})
	c.add(&nats.Msg{Subject: "b"})
	f.Add(c.encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		restored := func(state []byte) (*enumerator, error) {
			e := &enumerator{starts: map[string]uint64{}, known: map[string]bool{}, left: make([][]connect.Split, 1)}
			return e, e.restore(state)
		}
		if e, err := restored(data); err == nil {
			one, _ := e.Snapshot()
			again, err := restored(one)
			if err != nil {
				t.Fatal(err)
			}
			if two, _ := again.Snapshot(); !bytes.Equal(two, one) || len(one) > len(data) {
				t.Errorf("% x, then % x, then % x", data, one, two)
			}
		}
		c, err := decodeCommittable(data)
		if err != nil {
			return
		}
		again := committable{nonce: c.nonce, checkpoint: c.checkpoint, prepared: c.prepared, last: c.last}
		err = c.each(func(n int, m *nats.Msg) error {
			if id := m.Header.Get(nats.MsgIdHdr); !strings.HasPrefix(id, c.nonce+".") || !strings.HasSuffix(id, "."+strconv.Itoa(n)) {
				t.Errorf("message %d has the id %q", n, id)
			}
			again.add(m)
			return nil
		})
		if err == nil && again.n != c.n {
			t.Errorf("%d messages, then %d", c.n, again.n)
		}
		if same, err := decodeCommittable(c.encode()); err != nil || !bytes.Equal(same.encode(), c.encode()) {
			t.Errorf("%+v, then %+v, %v", c, same, err)
		}
	})
}

package jdbc

import (
	"bytes"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/flott-dev/flott/connect"
)

// FuzzDecodeSplit decodes what checkpoints have of splits, and of positions in tables of SQLite: what can be read is written the same.
func FuzzDecodeSplit(f *testing.F) {
	all := split{id: "all", span: span{first: true, last: true}, after: position{rows: 7}}
	part := split{id: "3", span: span{from: -5, to: 1 << 40}}
	for _, v := range []any{int64(-1), 2.5, []byte("b"), "text"} {
		part.after.key = append(part.after.key, encodeLite(v))
	}
	f.Add(all.id, all.encode().Data)
	f.Add(part.id, part.encode().Data)
	f.Fuzz(func(t *testing.T, id string, data []byte) {
		s, err := decodeSplit(connect.Split{ID: id, Data: data})
		if err != nil {
			if !strings.Contains(err.Error(), strconv.Quote(id)) {
				t.Errorf("the error does not name the split %q: %v", id, err)
			}
			return
		}
		again, err := decodeSplit(s.encode())
		if err != nil || !reflect.DeepEqual(again, s) || !bytes.Equal(again.encode().Data, s.encode().Data) {
			t.Errorf("%+v, then %+v, %v", s, again, err)
		}
		size := 0
		for _, part := range s.after.key {
			size += len(part)
			v, err := decodeLite(part)
			if err == nil && !bytes.Equal(encodeLite(v), part) {
				t.Errorf("% x is %v, which is % x", part, v, encodeLite(v))
			}
		}
		if size > len(data) || len(s.after.key) > len(data) {
			t.Errorf("%d bytes in %d parts of %d bytes", size, len(s.after.key), len(data))
		}
	})
}

package httpio

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"github.com/flott-dev/flott/connect"
)

// FuzzDecodeSplit decodes what checkpoints have of splits: what can be read is written the same.
func FuzzDecodeSplit(f *testing.F) {
	f.Add("http://host/", encodeSplit("", position{Cursor: "c", Tag: `"1"`, Read: 3}).Data)
	f.Add("http://host/", encodeSplit("", position{ID: "7", End: true}).Data)
	f.Add("x", encodeSplit("", position{Tag: "\xe9"}).Data)
	f.Add("", []byte("{}"))
	f.Fuzz(func(t *testing.T, id string, data []byte) {
		p, err := decodeSplit(connect.Split{ID: id, Data: data})
		if err != nil {
			if !strings.Contains(err.Error(), strconv.Quote(id)) {
				t.Errorf("the error does not name the split %q: %v", id, err)
			}
			return
		}
		again := encodeSplit(id, p)
		if q, err := decodeSplit(again); err != nil || q != p || !bytes.Equal(encodeSplit(id, q).Data, again.Data) {
			t.Errorf("%+v, then %+v, %v", p, q, err)
		}
	})
}

// FuzzPosition: a position comes back from a checkpoint as it was, whatever texts the server has given.
func FuzzPosition(f *testing.F) {
	f.Add("c", `"1"`, "", 3, false)
	f.Add("\xe9", "\xff\x00", "{", 0, true)
	f.Fuzz(func(t *testing.T, cursor, tag, id string, read int, end bool) {
		p := position{Cursor: opaque(cursor), Tag: opaque(tag), Read: max(read, 0), ID: opaque(id), End: end}
		if again, err := decodeSplit(encodeSplit("a", p)); err != nil || again != p {
			t.Errorf("%+v, then %+v, %v", p, again, err)
		}
	})
}

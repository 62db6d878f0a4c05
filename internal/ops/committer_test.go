package ops

import (
	"math"
	"reflect"
	"testing"

	"github.com/flott-dev/flott/connect"
)

func FuzzSealed(f *testing.F) {
	s := sealed{7, connect.Prepared{Committables: [][]byte{[]byte("a"), {}, []byte("bc")}, Watermark: math.MinInt64, End: true}}
	f.Add(s.encode())
	f.Add((&sealed{checkpoint: unassigned}).encode())
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := decodeSealed(data)
		if err != nil {
			return
		}
		if again, err := decodeSealed(s.encode()); err != nil || !reflect.DeepEqual(again, s) {
			t.Errorf("%+v, then %+v, %v", s, again, err)
		}
	})
}

package savepoint

import (
	"encoding/binary"
	"fmt"
	"slices"
	"testing"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/operator"
)

// A deleted timer is its time and its key: another of the same key, or at the same time, stays.
func TestTimersOfIncrements(t *testing.T) {
	text, err := codec.For[string](nil)
	if err != nil {
		t.Fatal(err)
	}
	number, err := codec.For[int64](nil)
	if err != nil {
		t.Fatal(err)
	}
	l, err := layoutOf(operator.Description{Kind: "timer", Key: text.Schema(), Value: number.Schema()})
	if err != nil {
		t.Fatal(err)
	}
	timer := func(dst []byte, at int64, key string, payload ...int64) []byte {
		dst = appendSized(binary.AppendVarint(dst, at), []byte(key))
		for i := range payload {
			dst = number.Append(dst, &payload[i])
		}
		return dst
	}
	base := timer(nil, 5, "a", 1)
	base = timer(base, 6, "a", 2)
	base = timer(base, 5, "b", 3)
	base = timer(base, -7, "c", 4)
	delta := binary.AppendUvarint(nil, 2)
	delta = timer(timer(delta, 5, "a"), 8, "none")
	delta = timer(delta, -7, "c", 5)
	g := group{sections: []operator.Section{
		{Data: operator.Bytes(base)}, {Delta: true, Data: operator.Bytes(delta)},
	}}
	var got []string
	if _, err := l.each(&g, func(e *entry) bool {
		var n int64
		if _, err := number.Decode(e.body, &n); err != nil {
			t.Fatal(err)
		}
		got = append(got, fmt.Sprint(string(e.key), e.at, " ", n))
		return true
	}); err != nil {
		t.Fatal(err)
	}
	slices.Sort(got)
	if want := []string{"a6 2", "b5 3", "c-7 5"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

package codec_test

import (
	"testing"
	"time"
)

func TestImmutable(t *testing.T) {
	type plain struct {
		N    int
		Text [2]string
		At   time.Time
	}
	type shared struct {
		plain
		Tags []string
	}
	check := func(name string, got, want bool) {
		if got != want {
			t.Errorf("%s: %v, want %v", name, got, want)
		}
	}
	check("number", mustCodec[int](t, nil).Immutable(), true)
	check("struct", mustCodec[plain](t, nil).Immutable(), true)
	check("struct with a slice", mustCodec[shared](t, nil).Immutable(), false)
	check("pointer", mustCodec[*int](t, nil).Immutable(), false)
	check("map", mustCodec[map[string]int](t, nil).Immutable(), false)
}

package connecttest_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/connecttest"
	"github.com/flott-dev/flott/connect/slice"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSlice(t *testing.T) {
	values := make([]string, 50)
	for i := range values {
		values[i] = string(rune('A' + i%30))
	}
	t.Run("of", func(t *testing.T) {
		connecttest.Source(t, func() connect.Source[string] { return slice.Of(values...) },
			connecttest.Options[string]{Want: values})
	})
	t.Run("sequence", func(t *testing.T) {
		connecttest.Source(t, func() connect.Source[int64] { return slice.Sequence(-3, 40) },
			connecttest.Options[int64]{})
	})
	t.Run("empty", func(t *testing.T) {
		connecttest.Source(t, func() connect.Source[int64] { return slice.Sequence(1, 0) },
			connecttest.Options[int64]{})
	})
	t.Run("iter", func(t *testing.T) {
		connecttest.Source(t, func() connect.Source[string] {
			return slice.Iter(func(yield func(string) bool) {
				for _, v := range values {
					if !yield(v) {
						return
					}
				}
			})
		}, connecttest.Options[string]{Want: values})
	})
}

package hatest

import (
	"fmt"
	"testing"

	"github.com/flott-dev/flott/internal/ha"
)

// Bench measures how long writes, reads and changes of the leader take.
func Bench(b *testing.B, open func(testing.TB) ha.Store) {
	s := open(b)
	l := Lead(b, s, "one")
	for _, size := range []int{300, 2 << 20} {
		key, value := fmt.Sprintf("bench/%d", size), make([]byte, size)
		v, err := l.Put(b.Context(), key, value)
		Check(b, err)
		b.Run(fmt.Sprintf("swap/%d", size), func(b *testing.B) {
			for b.Loop() {
				v, err = l.Swap(b.Context(), key, v, value)
				Check(b, err)
			}
		})
		b.Run(fmt.Sprintf("get/%d", size), func(b *testing.B) {
			for b.Loop() {
				_, err := s.Get(b.Context(), key)
				Check(b, err)
			}
		})
	}
	other := open(b)
	b.Run("resign and lead", func(b *testing.B) {
		for b.Loop() {
			won := make(chan ha.Leadership)
			go func() {
				next, err := other.Campaign(b.Context(), ha.Contender{Name: "next"})
				if err != nil {
					b.Error(err)
				}
				won <- next
			}()
			Check(b, l.Resign(b.Context()))
			l = <-won
		}
	})
	Check(b, l.Resign(b.Context()))
}

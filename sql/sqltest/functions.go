package sqltest

import (
	"strings"
	"unicode/utf8"

	"github.com/flott-dev/flott/sql"
)

// Functions are those that cases may call beside the built-in ones: see the page of the format.
func Functions() sql.Option {
	return sql.Functions(
		sql.Scalar("GOLD_COUNT_CHAR", func(s, c *string) *int32 {
			if s == nil || c == nil {
				return nil
			}
			n := int32(0)
			if *c != "" {
				_, size := utf8.DecodeRuneInString(*c)
				n = int32(strings.Count(*s, (*c)[:size]))
			}
			return &n
		}),
		sql.Table("GOLD_SPLIT", func(s, sep *string, emit func(piece)) {
			if s == nil || sep == nil {
				return
			}
			for _, w := range strings.Split(*s, *sep) {
				n := int32(utf8.RuneCountInString(w))
				emit(piece{&w, &n})
			}
		}),
		sql.Table("GOLD_REPEAT", func(n *int32, emit func(*int32)) {
			for i := int32(1); n != nil && i <= *n; i++ {
				emit(&i)
			}
		}, "i"),
		sql.Aggregate("GOLD_WAVG", sql.AggregateFunction[weighted]{
			Add:     func(s *weighted, v *int64, w *int32) { s.add(v, w, 1) },
			Retract: func(s *weighted, v *int64, w *int32) { s.add(v, w, -1) },
			Merge:   func(s, other *weighted) { s.Sum, s.Weight = s.Sum+other.Sum, s.Weight+other.Weight },
			Value: func(s *weighted) *int64 {
				if s.Weight == 0 {
					return nil
				}
				n := s.Sum / s.Weight
				return &n
			},
		}),
	)
}

// weighted is the state of a weighted average.
type weighted struct{ Sum, Weight int64 }

func (s *weighted) add(v *int64, w *int32, times int64) {
	if v != nil && w != nil {
		s.Sum += times * *v * int64(*w)
		s.Weight += times * int64(*w)
	}
}

type piece struct {
	Word *string
	Len  *int32
}

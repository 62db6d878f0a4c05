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
	)
}

type piece struct {
	Word *string
	Len  *int32
}

package gateway

import (
	"net/http"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/flott-dev/flott/internal/restapi"
)

// keywords are the words of statements that are offered; names of functions and tables come from the session.
var keywords = strings.Fields(`ALTER AND AS BEGIN BETWEEN BY CASE CAST CATALOG CATALOGS COLUMNS COUNT CREATE CROSS DATABASE
	DATABASES DELETE DESCRIBE DISTINCT DROP ELSE END EXECUTE EXISTS EXPLAIN FALSE FOR FROM FULL FUNCTION FUNCTIONS GROUP HAVING IF IN
	INNER INSERT INTERVAL INTO IS JOBS JOIN KEY LATERAL LEFT LIKE LIMIT NOT NULL OF ON OR ORDER OVER PARTITION PARTITIONED PRIMARY
	RESET RIGHT ROW ROWS SELECT SET SHOW STATEMENT SYSTEM_TIME TABLE TABLES TEMPORARY THEN TIMESTAMP TRUE UNION UNNEST USE VALUES VIEW
	VIEWS WATERMARK WHEN WHERE WITH`)

// candidatesMax is how many words are offered.
const candidatesMax = 100

// complete is GET …/complete-statement: the words that go on with what stands before a position.
func (s *session) complete(_ *http.Request, in *restapi.SQLCompletion) (any, error) {
	begun := wordBefore(in.Statement, in.Position)
	words := slices.Clone(keywords)
	for _, show := range []string{"SHOW TABLES", "SHOW VIEWS", "SHOW FUNCTIONS"} {
		r, err := s.sql.Execute(s.ctx, show)
		if err != nil {
			return nil, err
		}
		for b, err := range r.Batches() {
			if err != nil {
				return nil, err
			}
			for i := range b.N {
				words = append(words, string(b.Cols[0].Bytes(i)))
			}
		}
	}
	slices.Sort(words)
	out := &restapi.SQLCandidates{Candidates: []string{}}
	for _, w := range slices.Compact(words) {
		if len(out.Candidates) < candidatesMax && len(w) > len(begun) && strings.EqualFold(w[:len(begun)], begun) {
			out.Candidates = append(out.Candidates, w)
		}
	}
	return out, nil
}

// wordBefore is the part of a word that ends at a position, which counts UTF-16 units as Java does.
func wordBefore(text string, position int) string {
	begin, end := 0, 0
	for units := 0; end < len(text) && units < position; units++ {
		r, size := utf8.DecodeRuneInString(text[end:])
		if end += size; r > 0xffff {
			units++
		}
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' {
			begin = end
		}
	}
	return text[begin:end]
}

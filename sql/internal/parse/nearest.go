package parse

import "github.com/flott-dev/flott/internal/suggest"

// Nearest is the candidate that a word was most probably meant to be, empty if none is near.
func Nearest(word string, candidates []string) string {
	return suggest.Nearest(word, candidates, len(word)/3+1)
}

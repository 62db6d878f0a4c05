// Package suggest finds what a name with a mistake was probably meant to be.
//
// Data flow: who reports an unknown name asks it, with the names that there are.
package suggest

// Nearest is the candidate that a word is made of with the fewest edits, if these are no more than a
// number; the first of several, empty if there is none.
func Nearest(word string, candidates []string, editsMax int) string {
	best, found := editsMax+1, ""
	for _, c := range candidates {
		if d := Edits(word, c); d < best {
			best, found = d, c
		}
	}
	return found
}

// Edits is how many letters have to be changed, added, taken out, or exchanged with their neighbour to make
// b of a: the distance of Levenshtein (1966) with the exchange of Damerau (1964).
func Edits(a, b string) int {
	before, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		for j := range len(b) {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			row[j+1] = min(last[j]+cost, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				row[j+1] = min(row[j+1], before[j-1]+1)
			}
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}

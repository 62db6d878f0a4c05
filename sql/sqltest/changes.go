package sqltest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// UpsertKey is the number of leading columns that identify a row, of a case whose changelog has no -U; 0 for others.
func (c *Case) UpsertKey() int {
	n, err := strconv.Atoi(c.Head["upsert-key"])
	if err != nil {
		return 0
	}
	return n + 1
}

// Materialize applies changes ("+I [1]") to an empty table. Where key is not 0 the last row with the same first columns
// stands for all.
func Materialize(changes []string, key int) []string {
	var rows []string
	at := map[string][]int{} // of each row, or of each key
	gone := map[int]bool{}
	for _, c := range changes {
		kind, r := c[:2], c[3:]
		id := r
		if key > 0 {
			id = firstColumns(r, key)
		}
		places := at[id]
		isAdd := kind == "+I" || kind == "+U"
		if len(places) > 0 && (!isAdd || key > 0) {
			gone[places[len(places)-1]] = true
			at[id] = places[:len(places)-1]
		} else if !isAdd {
			rows = append(rows, "negative: "+r)
		}
		if isAdd {
			at[id] = append(at[id], len(rows))
			rows = append(rows, r)
		}
	}
	var left []string
	for i, r := range rows {
		if !gone[i] {
			left = append(left, r)
		}
	}
	return left
}

func firstColumns(r string, n int) string {
	var values []json.RawMessage
	if json.Unmarshal([]byte(r), &values) != nil || len(values) < n {
		return r
	}
	return fmt.Sprintf("%s", values[:n])
}

// SameChanges compares two changelogs, in order.
func SameChanges(want, got []string) bool {
	if len(want) != len(got) {
		return false
	}
	for i := range want {
		if want[i][:2] != got[i][:2] || !SameRows([]string{want[i][3:]}, []string{got[i][3:]}, true) {
			return false
		}
	}
	return true
}

// Digest is the number of rows, and the hash of them, sorted and each ended by a line's end.
func Digest(rows []string) []string {
	h := sha256.New()
	for _, r := range slices.Sorted(slices.Values(rows)) {
		h.Write([]byte(r + "\n"))
	}
	return []string{fmt.Sprintf("rows %d", len(rows)), "sha256 " + hex.EncodeToString(h.Sum(nil))}
}

// diffMax is how many lines of a difference are shown.
const diffMax = 30

// Diff shows which lines are missing (-) and which are there besides (+), in order.
func Diff(want, got []string) string {
	// The longest common subsequence of short lists; long ones are cut.
	a, b := want[:min(len(want), 400)], got[:min(len(got), 400)]
	lengths := make([][]int, len(a)+1)
	for i := range lengths {
		lengths[i] = make([]int, len(b)+1)
	}
	for i := len(a) - 1; i >= 0; i-- {
		for j := len(b) - 1; j >= 0; j-- {
			if a[i] == b[j] {
				lengths[i][j] = lengths[i+1][j+1] + 1
			} else {
				lengths[i][j] = max(lengths[i+1][j], lengths[i][j+1])
			}
		}
	}
	var lines []string
	for i, j := 0, 0; i < len(a) || j < len(b); {
		switch {
		case i < len(a) && j < len(b) && a[i] == b[j]:
			i, j = i+1, j+1
		case j == len(b) || i < len(a) && lengths[i+1][j] >= lengths[i][j+1]:
			lines = append(lines, "  - "+a[i])
			i++
		default:
			lines = append(lines, "  + "+b[j])
			j++
		}
	}
	if n := len(lines); n > diffMax {
		lines = append(lines[:diffMax], fmt.Sprintf("  … %d more lines", n-diffMax))
	}
	return strings.Join(lines, "\n")
}

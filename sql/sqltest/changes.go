package sqltest

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
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

// Materialize applies changes ("+I [1]") to an empty table, in which a row may be there several times: the order of the
// changes does not matter. Where key is not 0 the last row with the same first columns stands for all. A row that
// was taken away more often than it came is in the result as negative.
func Materialize(changes []string, key int) []string {
	var rows []string
	if !slices.ContainsFunc(changes, func(c string) bool { return c[:2] != "+I" }) {
		for _, c := range changes {
			rows = append(rows, c[3:]) // in their order
		}
		return rows
	}
	if key > 0 {
		return upserted(changes, key)
	}
	counts := map[string]int{}
	for _, c := range changes {
		if c[:2] == "+I" || c[:2] == "+U" {
			counts[c[3:]]++
		} else {
			counts[c[3:]]--
		}
	}
	for _, r := range slices.Sorted(maps.Keys(counts)) {
		for n := counts[r]; n > 0; n-- {
			rows = append(rows, r)
		}
		for n := counts[r]; n < 0; n++ {
			rows = append(rows, "negative: "+r)
		}
	}
	return rows
}

// upserted keeps the last row of each key.
func upserted(changes []string, key int) []string {
	last := map[string]string{}
	for _, c := range changes {
		k := firstColumns(c[3:], key)
		if delete(last, k); c[:2] == "+I" || c[:2] == "+U" {
			last[k] = c[3:]
		}
	}
	return slices.Sorted(maps.Values(last))
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

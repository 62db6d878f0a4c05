package sqltest

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
)

// SameRows reports whether two lists of rows, as JSON arrays, are the same: numbers as numbers, in any
// order unless ordered.
func SameRows(want, got []string, ordered bool) bool {
	if len(want) != len(got) {
		return false
	}
	if !ordered {
		want, got = slices.Sorted(slices.Values(want)), slices.Sorted(slices.Values(got))
	}
	for i := range want {
		if want[i] != got[i] && !sameJSON(parseJSON(want[i]), parseJSON(got[i])) {
			return false
		}
	}
	return true
}

func parseJSON(s string) any {
	d := json.NewDecoder(strings.NewReader(s))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil {
		return s
	}
	return v
}

func sameJSON(a, b any) bool {
	switch a := a.(type) {
	case json.Number:
		b, ok := b.(json.Number)
		return ok && sameNumber(a, b)
	case []any:
		b, ok := b.([]any)
		return ok && slices.EqualFunc(a, b, sameJSON)
	case map[string]any:
		b, ok := b.(map[string]any)
		if !ok || len(a) != len(b) {
			return false
		}
		for k := range a {
			if !sameJSON(a[k], b[k]) {
				return false
			}
		}
		return true
	}
	return a == b
}

// sameNumber compares whole numbers exactly, others within what a FLOAT or a DOUBLE can tell apart.
func sameNumber(a, b json.Number) bool {
	if a == b {
		return true
	}
	if !strings.ContainsAny(string(a), ".eE") && !strings.ContainsAny(string(b), ".eE") {
		return false
	}
	x, errX := a.Float64()
	y, errY := b.Float64()
	if errX != nil || errY != nil {
		return false
	}
	return x == y || math.Abs(x-y) <= 1e-12*math.Max(math.Abs(x), math.Abs(y)) || float32(x) == float32(y) && len(a) <= 12
}

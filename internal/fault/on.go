//go:build seededbugs

package fault

// Active is the bug that is seeded.
var Active Bug

// Seeded reports whether b is seeded.
func Seeded(b Bug) bool { return b == Active }

//go:build !seededbugs

package fault

// Seeded reports whether b is seeded: in this build none is.
func Seeded(Bug) bool { return false }

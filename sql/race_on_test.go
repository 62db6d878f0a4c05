//go:build race

package sql_test

import "testing"

const raced = true

// onlyResults skips a test with the race detector that is about results only, and takes long: what runs at the same time
// in its queries does so in those of others, and it runs without the race detector as well.
func onlyResults(t *testing.T) {
	t.Helper()
	t.Skip("it runs without the race detector")
}

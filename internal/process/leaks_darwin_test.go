package process

import (
	"os"
	"testing"
)

func wantNoGroups(testing.TB, bool) {}

func descriptorsOpen(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

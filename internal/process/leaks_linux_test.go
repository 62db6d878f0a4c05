package process

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// wantNoGroups fails if a cgroup is left of this process, or if others are asked for too, of one that has
// ended.
func wantNoGroups(t testing.TB, others bool) {
	t.Helper()
	base, err := ownGroup()
	if err != nil {
		return
	}
	entries, err := os.ReadDir(base.dir)
	if err != nil {
		t.Fatal(err)
	}
	self, err := Self()
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		owner, ok := ownerOf(e.Name())
		if ok && (owner == self || others && !owner.Alive()) && !strings.HasSuffix(e.Name(), "-main") {
			t.Errorf("cgroup %s is left", filepath.Join(base.dir, e.Name()))
		}
	}
}

func descriptorsOpen(t testing.TB) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

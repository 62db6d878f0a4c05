package process

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// TestMemoryLimit: a child that allocates beyond its limit is killed, by whatever enforces it, and the end
// says so.
func TestMemoryLimit(t *testing.T) {
	for _, watched := range []bool{false, true} {
		c := command(t, t.TempDir(), "allocate")
		c.Memory = Memory{Limit: 64 << 20, WatchOnly: watched}
		p := start(t, c)
		how, why := p.Memory()
		t.Log(how, why)
		if how == Unlimited {
			t.Skip("nothing limits memory here: ", why)
		}
		if watched && (how != Watched || why != "cgroups are not wanted") {
			t.Errorf("cgroups are not wanted, but limited by %q, %q", how, why)
		}
		e := p.Wait()
		if e.Signal != syscall.SIGKILL || e.OutOfMemory != (how != Watched) {
			t.Fatalf("ended with %+v", e)
		}
		want := "allocate ended: signal: killed: out of memory, limit 64 MB (cgroup v"
		if how == Watched {
			want = "allocate ended: signal: killed: it used "
		}
		if text := e.Err().Error(); !strings.HasPrefix(text, want) || !strings.Contains(text, "limit 64 MB ("+string(how)) {
			t.Error(text)
		}
	}
	wantNoGroups(t, false)
}

// TestMemoryLimitGrows: a child that was started with too little is told that it may have more, and is not killed.
func TestMemoryLimitGrows(t *testing.T) {
	for _, watched := range []bool{false, true} {
		told := filepath.Join(t.TempDir(), "told")
		c := command(t, t.TempDir(), "allocate-later", told)
		c.Memory = Memory{Limit: 64 << 20, WatchOnly: watched}
		p := start(t, c)
		if how, why := p.Memory(); how == Unlimited {
			t.Skip("nothing limits memory here: ", why)
		}
		if err := p.SetMemory(1 << 20); err == nil {
			t.Error("1 MB is not enough for a process")
		}
		if err := p.SetMemory(1 << 30); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(told, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		if e := p.Wait(); e.Err() != nil || e.Limit != 1<<30 {
			t.Errorf("ended with %+v", e)
		}
	}
	wantNoGroups(t, false)
}

func TestWatch(t *testing.T) {
	for name, c := range map[string]struct {
		samples []int64
		kill    int // at which sample, from 1; 0 for never
	}{
		"below":     {[]int64{1, 50, 100, 100, 100, 100, 100}, 0},
		"peaks":     {[]int64{101, 101, 101, 100, 101, 200, 150, 99}, 0},
		"stays":     {[]int64{99, 101, 101, 101, 101, 101}, 5},
		"two peaks": {[]int64{101, 99, 101, 101, 101, 101}, 6},
		"runs away": {[]int64{10, 201}, 2},
	} {
		w, killed := watch{limit: 100}, 0
		for i, bytes := range c.samples {
			if w.sample(bytes) {
				killed = i + 1
				break
			}
		}
		if killed != c.kill {
			t.Errorf("%s: killed at sample %d, want %d", name, killed, c.kill)
		}
	}
}

func TestGoLimit(t *testing.T) {
	const mb = 1 << 20
	for limit, want := range map[int64]int64{16 * mb: 8 * mb, 100 * mb: 90 * mb, 64 << 30: 64<<30 - 512*mb} {
		if got := (Memory{Limit: limit}).goLimit(); got != want {
			t.Errorf("GOMEMLIMIT %d for %d, want %d", got, limit, want)
		}
	}
}

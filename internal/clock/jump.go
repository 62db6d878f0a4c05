//go:build clockjump || invariants

package clock

import (
	"os"
	"strconv"
	"sync/atomic"
	"time"
	"unsafe"
)

// offset is by how much this process's clock was set, in whole seconds.
var offset atomic.Int64

// A process follows its file in OffsetDir for as long as it lives, if that directory is there when it starts.
func init() {
	if info, err := os.Stat(OffsetDir(os.TempDir())); err == nil && info.IsDir() {
		go follow(os.TempDir())
	}
}

func follow(temp string) {
	for ; ; time.Sleep(followInterval) {
		text, _ := os.ReadFile(OffsetFile(temp, os.Getpid())) // it need not be there
		d, _ := time.ParseDuration(string(text))
		offset.Store(int64(d / time.Second))
	}
}

const followInterval = 10 * time.Millisecond

// now is the time of a clock that was set: what its monotonic part says stays as it is. A time.Time with one has the wall clock's
// seconds above 30 bits of nanoseconds, and no function of package time that changes these alone.
func now() time.Time {
	t := time.Now()
	*(*uint64)(unsafe.Pointer(&t)) += uint64(offset.Load()) << 30
	return t
}

// OffsetDir is where processes with the os.TempDir temp look by how much their clocks are set.
func OffsetDir(temp string) string { return temp + "/flott-clocks" }

// OffsetFile is the file in it that says by how much the clock of a process is set, such as "-1h", 0 if it is not there.
func OffsetFile(temp string, pid int) string { return OffsetDir(temp) + "/" + strconv.Itoa(pid) }

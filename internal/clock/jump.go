//go:build clockjump

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

// The offset is read from this process's file, for as long as it lives.
func init() {
	go func() {
		for ; ; time.Sleep(followInterval) {
			text, _ := os.ReadFile(OffsetFile(os.TempDir(), os.Getpid())) // it need not be there
			d, _ := time.ParseDuration(string(text))
			offset.Store(int64(d / time.Second))
		}
	}()
}

const followInterval = 10 * time.Millisecond

// now is the time of a clock that was set: what its monotonic part says stays as it is. A time.Time with one has the wall clock's
// seconds above 30 bits of nanoseconds, and no function of package time that changes these alone.
func now() time.Time {
	t := time.Now()
	*(*uint64)(unsafe.Pointer(&t)) += uint64(offset.Load()) << 30
	return t
}

// OffsetFile is the file that says by how much the clock of a process is set, such as "-1h", 0 if it is not there. The directory is
// that process's os.TempDir.
func OffsetFile(dir string, pid int) string { return dir + "/flott-clock-" + strconv.Itoa(pid) }

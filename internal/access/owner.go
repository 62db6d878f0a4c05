package access

import (
	"io/fs"
	"syscall"
)

// ownedByRoot reports whether a file is root's, and this process is not: then it reads it by a group.
func ownedByRoot(info fs.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && stat.Uid == 0 && syscall.Geteuid() != 0
}

package process

import "golang.org/x/sys/unix"

// duplicate has fd stand for the file of another descriptor, at one instant.
func duplicate(file, fd int) error { return unix.Dup3(file, fd, 0) }

package servertest

import (
	"os/exec"
	"syscall"
)

// endWithParent has a process end when the thread does that has started it.
func endWithParent(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }

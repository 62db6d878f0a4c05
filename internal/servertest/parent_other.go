//go:build !linux

package servertest

import "os/exec"

// endWithParent does nothing: a killed test leaves its servers.
func endWithParent(*exec.Cmd) {}

// asNobody and ownedByNobody do nothing: tests do not run as root.
func asNobody(*exec.Cmd) {}

func ownedByNobody(string) error { return nil }

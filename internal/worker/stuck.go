package worker

import (
	"runtime"
	"strings"
)

// Stacks are the stacks of the goroutines that run tasks and are not parked.
func Stacks() string {
	buf := make([]byte, 1<<20)
	buf = buf[:runtime.Stack(buf, true)]
	var out []string
	for _, g := range strings.Split(string(buf), "\n\n") {
		if strings.Contains(g, "task.(*Task).Run") && !strings.Contains(g, "task.(*Task).park") {
			out = append(out, g)
		}
	}
	return strings.Join(out, "\n\n")
}

package process

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"

	"github.com/flott-dev/flott/internal/clock"
)

// detached on the pipe of its life tells a daemon that it is on its own.
const detached = 'd'

var past = time.Unix(1, 0)

// Child is the process itself, as one that was started by Start.
type Child struct {
	name  string
	log   string
	ready *os.File // nil if nobody waits
}

// Tether ties this process to the one that has started it: when that ends, this one ends too, with a line
// in its log, and its process group with it. It also keeps the log file from growing without end.
// It is the first thing that main does. In a process that Start has not started it does nothing.
func Tether(c clock.Clock) (*Child, error) {
	text, ok := os.LookupEnv(childVariable)
	if !ok {
		return &Child{}, nil
	}
	os.Unsetenv(childVariable) // descendants are not children of our parent
	var s settings
	if err := json.Unmarshal([]byte(text), &s); err != nil {
		return nil, fmt.Errorf("%s: %w", childVariable, err)
	}
	life, err := inherited(lifeFile, "life")
	if err != nil {
		return nil, err
	}
	ready, err := inherited(readyFile, "ready")
	if err != nil {
		return nil, err
	}
	go watchParent(life, s)
	(&rotor{log: s.Log, clock: c, fds: []int{1, 2}}).run()
	return &Child{name: s.Name, log: s.Log.Path, ready: ready}, nil
}

// watchParent ends the process when the pipe closes, unless it is told before that it may live on.
func watchParent(life *os.File, s settings) {
	told := make([]byte, 1)
	n, err := life.Read(told)
	if n == 1 && told[0] == detached && s.Detached {
		life.Close()
		return
	}
	why := fmt.Sprintf("process %d, which has started it, has ended", s.Parent)
	if !errors.Is(err, io.EOF) {
		why = fmt.Sprintf("the pipe to process %d, which has started it: %d bytes, %v", s.Parent, n, err)
	}
	fmt.Fprintf(os.Stderr, "%s ends: %s\n", s.Name, why)
	if syscall.Getpgrp() == os.Getpid() {
		syscall.Kill(0, syscall.SIGKILL) // descendants, and this process
	}
	os.Exit(1)
}

// Name is what the process is called by the one that has started it; empty if Start has not.
func (c *Child) Name() string { return c.name }

// LogPath is the file that the process's output goes to; empty if Start has not started it.
func (c *Child) LogPath() string { return c.log }

// Ready tells the one that has started this process that it is ready, and where it listens. Only the
// first call of Ready and Failed counts. An error means that the starter is not there any more.
func (c *Child) Ready(addresses map[string]string) error {
	return c.answer(answer{Addresses: addresses})
}

// Failed tells the one that has started this process why it does not become ready. The caller then ends.
func (c *Child) Failed(why error) error { return c.answer(answer{Error: why.Error()}) }

func (c *Child) answer(a answer) error {
	if c.ready == nil {
		return nil
	}
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	_, err = c.ready.Write(text)
	err = errors.Join(err, c.ready.Close())
	c.ready = nil
	if err != nil {
		return fmt.Errorf("answer the process that has started this one: %w", err)
	}
	return nil
}

package process

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"syscall"
	"time"
)

// answer is what a process writes once when it has started, or cannot.
type answer struct {
	Addresses map[string]string `json:"addresses,omitempty"`
	Error     string            `json:"error,omitempty"`
}

const answerMax = 1 << 20

// readiness waits for the answer of one process.
type readiness struct {
	pipe *os.File
	read chan struct{} // closed when err is there
	err  error         // nil: the process has closed its end
	text []byte        // when done is closed
	done chan struct{}
}

func newReadiness(pipe *os.File) *readiness {
	r := &readiness{pipe: pipe, read: make(chan struct{}), done: make(chan struct{})}
	go func() {
		r.text, r.err = io.ReadAll(io.LimitReader(r.pipe, answerMax)) // what is missing shows in the text
		close(r.read)
		if r.err == nil {
			r.finish()
		}
	}()
	return r
}

func (r *readiness) finish() {
	r.pipe.Close()
	close(r.done)
}

// end is called when the process has ended: a descendant may still have the other end of the pipe.
func (r *readiness) end() {
	r.pipe.SetReadDeadline(past)
	<-r.read
	if r.err == nil {
		<-r.done
		return
	}
	r.pipe.SetReadDeadline(time.Time{})
	if conn, err := r.pipe.SyscallConn(); err == nil {
		conn.Read(func(fd uintptr) bool { // what is there, without waiting for more
			buf := make([]byte, answerMax)
			if n, err := syscall.Read(int(fd), buf); err == nil {
				r.text = append(r.text, buf[:n]...)
			}
			return true
		})
	}
	r.finish()
}

// Ready waits until the process says that it is ready (Child.Ready), and returns the addresses that it
// gives. If it says why it is not (Child.Failed), ends before, or takes longer than ctx, the error says
// so; the process is not stopped by that.
func (p *Process) Ready(ctx context.Context) (map[string]string, error) {
	select {
	case <-p.ready.done:
	case <-ctx.Done():
		return nil, fmt.Errorf("%s is not ready: %w%s", p.cmd.Name, context.Cause(ctx), quote(p.LastLines()))
	}
	if len(p.ready.text) > 0 {
		return p.answered()
	}
	select {
	case <-p.done:
		return nil, errors.New(p.exit.String())
	case <-ctx.Done():
		return nil, fmt.Errorf("%s does not say whether it is ready: %w%s", p.cmd.Name, context.Cause(ctx), quote(p.LastLines()))
	}
}

func (p *Process) answered() (map[string]string, error) {
	var a answer
	if err := json.Unmarshal(p.ready.text, &a); err != nil {
		return nil, fmt.Errorf("%s says whether it is ready, garbled: %w", p.cmd.Name, err)
	}
	if a.Error != "" {
		return nil, fmt.Errorf("%s does not start: %s", p.cmd.Name, a.Error)
	}
	return a.Addresses, nil
}

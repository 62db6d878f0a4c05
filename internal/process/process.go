package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"
)

// Process is a child, or a daemon, that this process has started.
type Process struct {
	cmd   Command
	id    Identity
	life  *os.File // its writing end: the child ends when it closes
	ready *readiness
	tail  tail
	hold  *hold // of its memory

	mu struct {
		sync.Mutex
		collected bool // the pid may be another's
		stopping  bool // somebody wants it to end
		killed    string
	}
	done chan struct{}
	exit Exit // when done is closed
}

// Start starts a process. A child ends when its parent does, however that ends, and its process group
// with it. Whoever starts it waits for it too: Wait, Stop or Done, or Detach for a daemon.
func Start(c Command) (*Process, error) {
	c, err := c.withDefaults()
	if err != nil {
		return nil, err
	}
	p := &Process{cmd: c, done: make(chan struct{})}
	started := make(chan error, 1)
	go p.run(started)
	if err := <-started; err != nil {
		return nil, fmt.Errorf("start %s: %w", c.Name, err)
	}
	return p, nil
}

// run starts the process, and collects it at its end, on one thread: the kernel kills a child when the
// thread that has started it ends, not only the process.
func (p *Process) run(started chan<- error) {
	runtime.LockOSThread()
	child, err := p.start()
	started <- err
	if errors.Is(err, errThread) {
		return // still locked: the thread ends
	}
	defer runtime.UnlockOSThread()
	if err == nil {
		p.collect(child)
	}
}

// start starts the process and what belongs to it in this one.
func (p *Process) start() (*exec.Cmd, error) {
	log, err := p.cmd.Log.begin()
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.tail = newTail(p.cmd.Log)
	life, lifeWriter, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer life.Close()
	readyReader, ready, err := os.Pipe()
	if err != nil {
		lifeWriter.Close()
		return nil, err
	}
	defer ready.Close()
	child, err := p.spawn(log, life, ready)
	if err != nil {
		lifeWriter.Close()
		readyReader.Close()
		return nil, err
	}
	p.life, p.ready = lifeWriter, newReadiness(readyReader)
	p.hold.watch(p)
	return child, nil
}

// spawn starts the process in a cgroup if that holds its memory, and without one if it is refused.
func (p *Process) spawn(log, life, ready *os.File) (*exec.Cmd, error) {
	self, err := Self()
	if err != nil {
		return nil, err
	}
	env, err := p.cmd.environment(self)
	if err != nil {
		return nil, err
	}
	command := func() *exec.Cmd {
		return &exec.Cmd{
			Path: p.cmd.Path, Args: append([]string{p.cmd.Path}, p.cmd.Args...), Env: env, Dir: p.cmd.Dir,
			Stdout: log, Stderr: log, ExtraFiles: append([]*os.File{life, ready}, p.cmd.Files...),
			SysProcAttr: attributes(p.cmd.Detached),
		}
	}
	p.hold = newHold(p.cmd)
	child := command()
	err = p.hold.start(child)
	if err != nil && !errors.Is(err, errThread) && p.hold.refuse(err) {
		child = command()
		err = child.Start()
	}
	if err != nil {
		p.hold.release()
		return nil, err
	}
	p.id = Identity{PID: child.Process.Pid, Scope: self.Scope}
	if id, err := Identify(p.id.PID); err == nil { // else it has ended already
		p.id = id
	}
	return child, nil
}

// collect waits for the end of the process and takes away what it leaves.
func (p *Process) collect(child *exec.Cmd) {
	if err := waitEnd(p.id.PID); err != nil {
		child.Wait() // it is no more than what it leaves that may be missed
	}
	p.mu.Lock()
	// While it is not collected, its pid and so its group are nobody else's.
	syscall.Kill(-p.id.PID, syscall.SIGKILL)
	p.mu.collected = true
	p.mu.Unlock()
	child.Wait() // what it returns is in the state too
	p.life.Close()
	p.exit = p.describe(child.ProcessState)
	p.ready.end()
	p.hold.release()
	close(p.done)
}

// errThread says that the thread at work must not start another process.
var errThread = errors.New("the thread could not leave the cgroup of its child")

func (p *Process) describe(s *os.ProcessState) Exit {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := Exit{
		Name: p.cmd.Name, Code: s.ExitCode(), User: s.UserTime(), System: s.SystemTime(),
		Stopped: p.mu.stopping, Killed: p.mu.killed,
		Limit: p.hold.limit(), Enforcement: p.hold.how, LastLines: p.tail.lines(),
	}
	if status, ok := s.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		e.Signal = status.Signal()
	}
	e.MemoryMax = p.hold.peak()
	if usage, ok := s.SysUsage().(*syscall.Rusage); ok && e.MemoryMax == 0 {
		e.MemoryMax = maxRSS(usage)
	}
	e.OutOfMemory = e.Signal == syscall.SIGKILL && p.hold.oomKilled()
	return e
}

// ID is the process. It stays the same when the process has ended.
func (p *Process) ID() Identity { return p.id }

// Name is Command.Name.
func (p *Process) Name() string { return p.cmd.Name }

// Memory says what holds the limit of memory, and if it is not a cgroup, why.
func (p *Process) Memory() (how Enforcement, why string) { return p.hold.how, p.hold.why }

// SetMemory sets another limit of memory, in bytes, for a process that was started with one. The process's own
// aim (GOMEMLIMIT) is not changed: it must be told, see GoLimit.
func (p *Process) SetMemory(limit int64) error {
	if err := (Memory{Limit: limit}).validate(); err != nil {
		return err
	}
	return p.hold.change(limit)
}

// LastLines are the last lines that the process has written by now, at most 20.
func (p *Process) LastLines() []string { return p.tail.lines() }

// Done is closed when the process has ended and is collected.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits for the end of the process, and says how it was. Any number of goroutines may wait.
func (p *Process) Wait() Exit {
	<-p.done
	return p.exit
}

// Signal sends a signal to the process. It is no error if it has ended.
func (p *Process) Signal(sig syscall.Signal) error {
	return p.signal(p.id.PID, sig)
}

// Kill kills the process and its group.
func (p *Process) Kill() {
	p.kill("")
}

func (p *Process) kill(why string) {
	p.mu.Lock()
	p.mu.stopping = p.mu.stopping || why == ""
	if p.mu.killed == "" && !p.mu.collected {
		p.mu.killed = why
	}
	p.mu.Unlock()
	p.signal(-p.id.PID, syscall.SIGKILL)
}

func (p *Process) signal(pid int, sig syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.collected {
		return nil
	}
	if err := syscall.Kill(pid, sig); !errors.Is(err, syscall.ESRCH) {
		return err
	}
	return nil
}

// Stop asks the process to end, by SIGTERM, and kills it if it has not ended after some time.
func (p *Process) Stop(grace time.Duration) Exit {
	p.mu.Lock()
	p.mu.stopping = true
	p.mu.Unlock()
	p.Signal(syscall.SIGTERM)
	disarm := p.cmd.Clock.AfterFunc(grace, func() {
		p.kill(fmt.Sprintf("it did not end within %v of SIGTERM", grace))
	})
	defer disarm()
	return p.Wait()
}

// Detach lets a daemon that is ready live on when this process ends.
func (p *Process) Detach() error {
	if !p.cmd.Detached {
		return fmt.Errorf("detach %s: it was not started detached", p.cmd.Name)
	}
	_, err := p.life.Write([]byte{detached})
	if err != nil {
		return fmt.Errorf("detach %s: %w", p.cmd.Name, err)
	}
	return p.life.Close()
}

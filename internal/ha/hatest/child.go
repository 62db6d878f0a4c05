package hatest

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/ha"
)

// A child is a process that leads and writes until it is killed. It says on standard output what it does:
//
//	leads 3        its epoch; again after it was deposed
//	try a 17       it will write the value 17 to record a, or delete the record if that is 0
//	did a 17       and has

const childKeys = 5

// ChildMain is the main function of a child.
func ChildMain(s ha.Store) {
	if err := child(s); err != nil {
		fmt.Println("failed", strings.ReplaceAll(err.Error(), "\n", "; "))
		os.Exit(1)
	}
}

func child(s ha.Store) error {
	for {
		l, err := s.Campaign(context.Background(), ha.Contender{Name: "child", Address: fmt.Sprint("process:", os.Getpid())})
		if err != nil {
			return err
		}
		fmt.Println("leads", l.Leader().Epoch)
		err = childTerm(l)
		if !errors.Is(err, ha.ErrDeposed) && !errors.Is(err, ha.ErrUncertain) {
			return err
		}
		fmt.Println("lost", l.Leader().Epoch)
		<-l.Context().Done()
	}
}

// childTerm writes until that fails.
func childTerm(l ha.Leadership) error {
	rng := rand.New(rand.NewPCG(uint64(l.Leader().Epoch), 0))
	for n := l.Leader().Epoch<<32 + 1; ; n++ {
		err := childWrite(l, rng, n)
		switch {
		case err == nil:
		case errors.Is(err, ha.ErrDeposed), errors.Is(err, ha.ErrUncertain):
			return err
		case l.Context().Err() != nil:
			return ha.ErrDeposed
		case errors.Is(err, context.DeadlineExceeded): // the process was stopped while it waited for an answer
		default:
			return err
		}
	}
}

// childWrite writes n to a record, or deletes it.
func childWrite(l ha.Leadership, rng *rand.Rand, n int64) error {
	ctx := context.Background()
	key := fmt.Sprintf("k/%d", rng.IntN(childKeys))
	r, err := l.Get(ctx, key)
	missing := errors.Is(err, ha.ErrNotFound)
	if err != nil && !missing {
		return err
	}
	next := n
	if !missing && rng.IntN(5) == 0 {
		next = 0
	}
	fmt.Println("try", key, next)
	switch {
	case missing:
		_, err = l.Put(ctx, key, numbered(n))
	case next == 0:
		err = l.Delete(ctx, key, r.Version)
	default:
		_, err = l.Swap(ctx, key, r.Version, numbered(n))
	}
	if err == nil {
		fmt.Println("did", key, next)
	}
	return err
}

// numbered is a value that follows from its number, of up to 200 kB.
func numbered(n int64) []byte {
	rng := rand.New(rand.NewPCG(uint64(n), 1))
	size := rng.IntN(300)
	if rng.IntN(3) == 0 {
		size = rng.IntN(200_000)
	}
	return bytes.Repeat([]byte(fmt.Sprintf("<%d>", n)), 1+size/20)
}

// numberOf is the number of a value, -1 if it is not whole.
func numberOf(value []byte) (n int64) {
	if _, err := fmt.Sscanf(string(value[:min(len(value), 40)]), "<%d>", &n); err != nil || !bytes.Equal(value, numbered(n)) {
		return -1
	}
	return n
}

// Process is a child that runs.
type Process struct {
	*exec.Cmd
	Lines *bufio.Scanner
}

// StartChild starts the test's own binary as a child.
func StartChild(t testing.TB, env ...string) *Process {
	t.Helper()
	c := exec.Command(os.Args[0])
	c.Env = append(os.Environ(), env...)
	c.Stderr = os.Stderr
	out, err := c.StdoutPipe()
	Check(t, err)
	Check(t, c.Start())
	p := &Process{c, bufio.NewScanner(out)}
	t.Cleanup(p.Kill)
	return p
}

// Kill kills the process, if it still runs, and waits for its end.
func (p *Process) Kill() {
	if p.ProcessState == nil {
		_ = p.Process.Signal(syscall.SIGKILL)
		_ = p.Wait()
	}
}

// Line is the next line that the child says.
func (p *Process) Line(t testing.TB) string {
	t.Helper()
	stuck := time.AfterFunc(Guard, func() { _ = p.Process.Signal(syscall.SIGKILL) })
	defer stuck.Stop()
	if !p.Lines.Scan() {
		t.Fatal("the child has ended, or is stuck")
	}
	if line := p.Lines.Text(); strings.HasPrefix(line, "failed") {
		t.Fatal("the child ", line)
	}
	return p.Lines.Text()
}

// Follow follows what children do to the records.
type Follow struct {
	may map[string]map[int64]bool // the values that a record may have, by key
}

// Line takes a line of a child.
func (f *Follow) Line(line string) {
	if f.may == nil {
		f.may = map[string]map[int64]bool{}
	}
	var verb, key string
	var n int64
	if c, _ := fmt.Sscan(line, &verb, &key, &n); c != 3 {
		return // leads
	}
	if verb == "try" {
		f.allow(key)[n] = true
		return
	}
	f.may[key] = map[int64]bool{n: true}
}

func (f *Follow) allow(key string) map[int64]bool {
	if f.may[key] == nil {
		f.may[key] = map[int64]bool{0: true}
	}
	return f.may[key]
}

// Check wants each record to be whole, and as it was acknowledged or tried after that.
func (f *Follow) Check(t testing.TB, r ha.Reader) {
	t.Helper()
	for i := range childKeys {
		key := fmt.Sprintf("k/%d", i)
		n := int64(0)
		record, err := r.Get(Context(t), key)
		if err == nil {
			n = numberOf(record.Value)
		} else if !errors.Is(err, ha.ErrNotFound) {
			t.Error(err)
			continue
		}
		if !f.allow(key)[n] {
			t.Errorf("%s is %d, which must be one of %v", key, n, f.may[key])
		}
		f.may[key] = map[int64]bool{n: true}
	}
}

// Kill kills children at random moments of their writing, one after the other. The next leader, this process in between,
// finds everything that was acknowledged, and leads in a greater epoch.
func Kill(t *testing.T, s ha.Store, kills int, env ...string) {
	const seed = 1
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	var f Follow
	var epoch int64
	for range kills {
		p := StartChild(t, env...)
		for range 1 + rng.IntN(60) {
			f.Line(p.Line(t))
		}
		_ = p.Process.Signal(syscall.SIGKILL)
		for p.Lines.Scan() { // what it has said before it died
			f.Line(p.Lines.Text())
		}
		_ = p.Wait()
		l := Lead(t, s, "test")
		if l.Leader().Epoch <= epoch {
			t.Errorf("epoch %d comes after %d", l.Leader().Epoch, epoch)
		}
		epoch = l.Leader().Epoch
		f.Check(t, l)
		Check(t, l.Resign(Context(t)))
		if t.Failed() {
			return
		}
	}
}

package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime/pprof"
	"sync"

	"github.com/flott-dev/flott/internal/control"
)

// sampling is held by who samples CPU time: a process does that once at a time.
var sampling sync.Mutex

var errBusy = errors.New("a CPU profile of the process is being taken; try again when it is done")

// profileBytesMax is how large a profile may be: it goes over a connection on which other things wait.
const profileBytesMax = 16 << 20

// profile takes a profile. That of CPU time ends early with ctx, and is not kept then.
func (p *Probe) profile(ctx context.Context, q *control.Profile) ([]byte, error) {
	var b bytes.Buffer
	var err error
	switch q.Kind {
	case control.CPUProfile:
		err = p.sample(ctx, q, &b)
	case control.HeapProfile, control.GoroutineProfile:
		err = pprof.Lookup(string(q.Kind)).WriteTo(&b, 0)
	default:
		err = fmt.Errorf("%q is no kind of profile that it knows", q.Kind)
	}
	switch {
	case err != nil:
		return nil, err
	case b.Len() > profileBytesMax:
		return nil, fmt.Errorf("the profile has %d bytes, which is more than the %d that are sent", b.Len(), profileBytesMax)
	}
	return b.Bytes(), nil
}

func (p *Probe) sample(ctx context.Context, q *control.Profile, b *bytes.Buffer) error {
	if q.Duration <= 0 || q.Duration > control.ProfileMax {
		return fmt.Errorf("CPU time is sampled for up to %v, not %v", control.ProfileMax, q.Duration)
	}
	if !sampling.TryLock() {
		return errBusy
	}
	defer sampling.Unlock()
	if err := pprof.StartCPUProfile(b); err != nil { // the program does it itself
		return fmt.Errorf("%w (%w)", errBusy, err)
	}
	defer pprof.StopCPUProfile() // which makes b whole
	over := make(chan struct{})
	defer p.Clock.AfterFunc(q.Duration, func() { close(over) })()
	select {
	case <-over:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	return nil
}

package probe

import (
	"bytes"
	"compress/gzip"
	"io"
	"log/slog"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/control"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a session whose clock stands.
type rig struct {
	*Session
	clock   *clock.Manual
	answers chan *control.Answer
	armed   chan struct{} // CPU time is being sampled
}

func newRig() *rig {
	r := &rig{clock: clock.NewManual(time.Unix(1000, 0)), answers: make(chan *control.Answer, 10), armed: make(chan struct{}, 10)}
	p := New(nil)
	p.Clock = r
	r.Session = p.Begin(func(a *control.Answer) { r.answers <- a })
	return r
}

// AfterFunc arms a timer, as CPU time begins to be sampled.
func (r *rig) AfterFunc(d time.Duration, f func()) (stop func()) {
	stop = r.clock.AfterFunc(d, f)
	r.armed <- struct{}{}
	return stop
}

// Now is the time of the clock.
func (r *rig) Now() time.Time { return r.clock.Now() }

// unpacked is a profile as it is in the file.
func unpacked(t *testing.T, data []byte) string {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	text, err := io.ReadAll(r)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestLevel(t *testing.T) {
	r := newRig()
	r.Receive(&control.Ask{Call: 3, LogLevel: &control.LogLevel{Level: slog.LevelWarn}})
	if a := <-r.answers; a.Call != 3 || a.Error != "" || r.p.Level.Level() != slog.LevelWarn {
		t.Errorf("%+v, and the level is %v", a, r.p.Level.Level())
	}
	r.Receive(&control.Ask{Call: 4})
	if a := <-r.answers; a.Call != 4 || !strings.Contains(a.Error, "its version is another one") {
		t.Errorf("a question of a later version: %+v", a)
	}
}

func TestProfiles(t *testing.T) {
	r := newRig()
	for _, kind := range []control.ProfileKind{control.HeapProfile, control.GoroutineProfile} {
		r.Receive(&control.Ask{Call: 1, Profile: &control.Profile{Kind: kind}})
		a := <-r.answers
		if a.Error != "" {
			t.Fatal(a.Error)
		}
		if text := unpacked(t, a.Data); kind == control.GoroutineProfile && !strings.Contains(text, "TestProfiles") {
			t.Error("the goroutine of the test is not in the profile")
		}
	}
	for _, q := range []control.Profile{{Kind: "memory"}, {Kind: control.CPUProfile}, {Kind: control.CPUProfile, Duration: control.ProfileMax + 1}} {
		r.Receive(&control.Ask{Call: 2, Profile: &q})
		if a := <-r.answers; a.Error == "" || a.Busy || len(a.Data) > 0 {
			t.Errorf("%+v is answered by %+v", q, a)
		}
	}
}

// TestCPUProfile: one at a time, for as long as is said, and not longer than somebody waits for it.
func TestCPUProfile(t *testing.T) {
	r := newRig()
	ask := func(call int64) {
		r.Receive(&control.Ask{Call: call, Profile: &control.Profile{Kind: control.CPUProfile, Duration: time.Minute}})
	}
	ask(1)
	<-r.armed
	ask(2)
	if a := <-r.answers; a.Call != 2 || !a.Busy || !strings.Contains(a.Error, "is being taken") {
		t.Errorf("the second is answered by %+v", a)
	}
	r.clock.Advance(time.Minute - 1)
	select {
	case a := <-r.answers:
		t.Errorf("it is over too soon: %+v", a)
	default:
	}
	r.clock.Advance(1)
	if a := <-r.answers; a.Call != 1 || a.Error != "" || !strings.Contains(unpacked(t, a.Data), "cpu") {
		t.Errorf("the first is answered by %+v", a)
	}
	ask(3)
	<-r.armed
	r.Receive(&control.Ask{Withdrawn: 3})
	if a := <-r.answers; a.Call != 3 || a.Error == "" || a.Busy {
		t.Errorf("one that was withdrawn is answered by %+v", a)
	}
	ask(4)
	<-r.armed
	r.End()
	if a := <-r.answers; a.Call != 4 || a.Error == "" {
		t.Errorf("one whose connection has ended is answered by %+v", a)
	}
	if err := pprof.StartCPUProfile(io.Discard); err != nil {
		t.Fatal(err)
	}
	defer pprof.StopCPUProfile()
	r = newRig()
	ask(5)
	if a := <-r.answers; !a.Busy || !strings.Contains(a.Error, "already in use") {
		t.Errorf("one of a program that profiles itself is answered by %+v", a)
	}
}

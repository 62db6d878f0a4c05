package web_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"github.com/flott-dev/flott/connect/datagen"
	"github.com/flott-dev/flott/connect/discard"
	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/jobmanager"
	"github.com/flott-dev/flott/internal/rest/resttest"
	"github.com/flott-dev/flott/stream"
)

//go:noinline
func burnHere(v int64) int64 {
	for i := range int64(100_000) {
		v ^= v<<7 + i
	}
	return v
}

//go:noinline
func burnThere(v int64) int64 { return burnHere(burnHere(v)) }

// burning is a job of two vertices that take time of CPUs.
func burning(env *stream.Env) {
	numbers := stream.From(env, datagen.Source(func(n int64) int64 { return burnHere(n) }, datagen.Options{PerSecond: 2000})).Name("numbers")
	stream.Scan(stream.KeyBy(numbers, func(v int64) int64 { return v & 63 }),
		func(c *stream.Ctx[int64, int64], n *int64, v int64) error {
			*n = burnThere(v)
			c.Emit(*n)
			return nil
		}).Name("burn").To(discard.To[int64]())
}

// TestFlameGraph samples a vertex by the button in its panel, looks for a function, and goes through the graph by keys alone.
func TestFlameGraph(t *testing.T) {
	s := resttest.New(t, fast, burning, stream.Parallelism(2), stream.MaxParallelism(64))
	s.Join("tm-1", 4)
	id := running(t, s, "burning")
	b := newBrowser(t)
	b.open(s.URL + "/#/jobs/" + id)
	b.until("document.querySelectorAll('.node').length === 2")
	b.do(click(".node:nth-of-type(2)"))
	b.has(".panel h2", "burn")
	b.click("CPU flame graph…")
	b.has("dialog", "Sampling for 5 seconds…")
	b.until("[...document.querySelectorAll('.flame .frame')].some((e) => e.textContent.includes('burnThere'))")
	b.until("document.querySelector('dialog .sampling').textContent === ''")
	if eval[bool](b, "[...document.querySelectorAll('.flame .frame')].some((e) => e.ariaLabel === '' || !/^.+: [0-9.]+\\u202f%, .+ in itself$/.test(e.ariaLabel))") {
		t.Error("a frame has no name that says what it is")
	}
	b.has("table.most", "burnHere")
	b.has("dialog", "of 1 worker")
	for _, scheme := range []string{"light", "dark"} {
		b.media("prefers-color-scheme", scheme)
		b.picture("flame-" + scheme)
		b.resize(390, 844)
		b.picture("flame-390-" + scheme)
		b.until("document.documentElement.scrollWidth <= 390 && document.querySelector('dialog').scrollWidth <= document.querySelector('dialog').clientWidth")
		b.resize(1440, 900)
	}

	b.do(click("dialog input[type=search]"))
	b.key("burnthere")
	b.has("dialog .bar .note", "of the samples match")
	b.until("document.querySelectorAll('.frame.found').length > 0 && document.querySelectorAll('.frame.other').length > 0")
	b.picture("flame-search")

	b.do(click(".flame .frame.root"))
	const level = "Number(document.activeElement.getAttribute('aria-level'))"
	b.until(level + " === 1")
	b.key(kb.ArrowDown)
	b.until(level + " === 2")
	for range 4 { // until where the stacks are not those of all
		b.key(kb.ArrowDown)
	}
	b.until(level + " === 6")
	name := eval[string](b, "document.activeElement.ariaLabel")
	b.key("\r")
	b.until("document.activeElement.ariaSelected === 'true' && document.activeElement.style.width === '100%' && document.activeElement.ariaLabel === " + quoted(name))
	b.key(kb.ArrowUp)
	b.until(level + " === 5")
	b.click("Whole graph")
	b.until("document.querySelector('.frame.root').ariaSelected === 'true'")

	ctx, cancel := context.WithCancel(t.Context())
	other := make(chan error, 1)
	go func() {
		for {
			_, err := s.Manager.Profile(ctx, "tm-1", control.Profile{Kind: control.CPUProfile, Duration: control.ProfileMax})
			if !errors.Is(err, jobmanager.ErrBusy) { // by who looks for that
				other <- err
				return
			}
		}
	}()
	s.Until("somebody else samples", func() bool {
		_, err := s.Manager.Profile(t.Context(), "jobmanager", control.Profile{Kind: control.CPUProfile, Duration: time.Nanosecond})
		return errors.Is(err, jobmanager.ErrBusy)
	})
	b.click("Sample again")
	b.has("dialog .notice.bad", "a CPU profile of the process is being taken")
	cancel()
	<-other
	b.key("\x1b")
	b.until("document.querySelector('dialog') === null && document.activeElement.textContent === 'CPU flame graph…'")
	if err := s.Manager.Cancel(id, jobmanager.CancelJob); err != nil {
		t.Fatal(err)
	}
	_ = s.Wait(id)
	b.click("CPU flame graph…")
	b.has("dialog", "The vertex has ended.")
}

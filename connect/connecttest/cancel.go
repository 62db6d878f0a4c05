package connecttest

import (
	"testing"
	"time"

	"github.com/flott-dev/flott/connect"
)

// endMax is how long what a source or a sink runs may take to end when its job is cancelled.
const endMax = time.Second

// endsSoon begins something and ends it, up to three times, until it ends within endMax: a machine may be slow once.
func endsSoon(t testing.TB, begin func() (end func())) {
	t.Helper()
	var took time.Duration
	for range 3 {
		end := begin()
		from := time.Now()
		end()
		if took = time.Since(from); took <= endMax {
			return
		}
	}
	t.Errorf("it ends %v after it was cancelled, three times; at most %v is allowed", took, endMax)
}

// sourceCancelled ends readers that have begun to read.
func sourceCancelled[T any](t *testing.T, open func() connect.Source[T]) {
	endsSoon(t, func() (end func()) {
		d := NewDriver(t, open(), 2, nil)
		for range 3 {
			if _, err := d.step(func(Batch[T]) {}); err != nil {
				t.Fatal(err)
			}
		}
		return d.Close
	})
}

// sinkCancelled ends writers with records that belong to no checkpoint yet, and with some that do.
func sinkCancelled[T any](t *testing.T, open func(t *testing.T) SinkTarget[T], o SinkOptions[T]) {
	endsSoon(t, func() (end func()) {
		j := startSink(t, open(t).Sink, 2, 1, nil)
		j.write(records(o, 0, 10)...)
		j.checkpoint(1, false)
		j.write(records(o, 10, 20)...)
		return j.stop
	})
}

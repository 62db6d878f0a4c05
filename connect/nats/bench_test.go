package nats

import (
	"strings"
	"testing"

	"github.com/flott-dev/flott/connect/connecttest"
)

// BenchmarkSource reads messages of 100 bytes; the server is in the same process.
func BenchmarkSource(b *testing.B) {
	l := embeddedLog(b)
	l.stream("a")
	const n = 100_000
	data := []byte(strings.Repeat("x", 100))
	for range n {
		if _, err := l.js.PublishAsync("a.x", data); err != nil {
			b.Fatal(err)
		}
	}
	<-l.js.PublishAsyncComplete()
	o := l.options("a")
	o.Stop = new(Latest())
	source := Source(o, func(m *Message) (int, error) { return len(m.Data), nil })
	for b.Loop() {
		d := connecttest.NewDriver(b, source, 1, nil)
		got, err := d.Read(0)
		if err != nil || len(got) != n {
			b.Fatal(len(got), err)
		}
		d.Close()
	}
	b.ReportMetric(float64(n)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

package nats

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/connecttest"
	"github.com/flott-dev/flott/metric"
)

func encoded(m *Message, v string) error {
	m.Data = []byte(v)
	return nil
}

func writerContext(t *testing.T) connect.WriterContext {
	return connect.WriterContext{Context: t.Context(), Parallelism: 1, Metrics: &metric.Group{}, Now: time.Now}
}

func readerContext(t *testing.T) connect.ReaderContext {
	return connect.ReaderContext{Context: t.Context(), Metrics: &metric.Group{}, Wake: func() {}, Request: func() {}}
}

// values are what a stream has.
func (l *log) values(stream string) []string {
	l.t.Helper()
	got, err := read(l.t, l.options(stream), func(m *Message) (string, error) { return string(m.Data), nil })
	if err != nil {
		l.t.Fatal(err)
	}
	return got
}

func (l *log) exactly(stream string) SinkOptions {
	return SinkOptions{
		Connection: Connection{Servers: []string{l.url}}, Stream: stream, Subject: stream + ".x", Guarantee: ExactlyOnce,
	}
}

func TestExactlyOnce(t *testing.T) { onEach(t, testExactlyOnce) }

func testExactlyOnce(t *testing.T, newLog makeLog) {
	l := newLog(t)
	n := 0
	connecttest.Sink(t, func(*testing.T) connecttest.SinkTarget[string] {
		name := fmt.Sprint("s", n)
		n++
		l.stream(name)
		return connecttest.SinkTarget[string]{
			Sink: Sink(l.exactly(name), encoded), Visible: func() []string { return l.values(name) },
		}
	}, connecttest.SinkOptions[string]{Record: func(n int) string { return fmt.Sprint(n) }, Seeds: 8})
}

// prepared writes values with a writer of its own, and returns what a checkpoint has of them.
func prepared(t *testing.T, o SinkOptions, values ...string) [][]byte {
	t.Helper()
	w, err := Sink(o, encoded).Writer(writerContext(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Write(values, make([]int64, len(values))); err != nil {
		t.Fatal(err)
	}
	items, err := w.(connect.Preparer).Prepare(3)
	if err != nil {
		t.Fatal(err)
	}
	return items
}

// commit commits with a committer of its own, whose clock is ahead.
func commit(t *testing.T, o SinkOptions, ahead time.Duration, items [][]byte) error {
	t.Helper()
	ctx := writerContext(t)
	ctx.Now = func() time.Time { return time.Now().Add(ahead) }
	k, err := Sink(o, encoded).(connect.TwoPhase).Committer(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	return k.Commit(items)
}

// TestCommitAfterTheWindow commits a checkpoint of which some is published, when the stream does not know the ids any more: what is
// there is not published again.
func TestCommitAfterTheWindow(t *testing.T) { onEach(t, testCommitAfterTheWindow) }

func testCommitAfterTheWindow(t *testing.T, newLog makeLog) {
	defer func(was time.Duration) { windowMin = was }(windowMin)
	windowMin = 0
	l := newLog(t)
	s := l.stream("a", func(c *jetstream.StreamConfig) { c.Duplicates = 100 * time.Millisecond })
	l.put("a.x", "before")
	o := l.exactly("a")
	items := prepared(t, o, "1", "2", "3")
	c, err := decodeCommittable(items[0])
	if err != nil {
		t.Fatal(err)
	}
	publish := func(n int) (again bool) {
		m := &nats.Msg{Subject: "a.x", Data: fmt.Append(nil, n+1), Header: nats.Header{jetstream.MsgIDHeader: {fmt.Sprintf("%s.%d", c.nonce, n)}}}
		ack, err := l.js.PublishMsg(t.Context(), m)
		if err != nil {
			t.Fatal(err)
		}
		return ack.Duplicate
	}
	publish(1) // by the job that has failed
	l.put("a.y", "of somebody else")
	// The window is over when the stream takes an id again that it has had.
	probe := func() bool {
		ack, err := l.js.PublishMsg(t.Context(), &nats.Msg{Subject: "a.probe", Header: nats.Header{jetstream.MsgIDHeader: {"probe"}}})
		if err != nil {
			t.Fatal(err)
		}
		return ack.Duplicate
	}
	probe()
	for probe() {
	}
	if err := commit(t, o, 0, items); err != nil {
		t.Fatal(err)
	}
	if err := commit(t, o, time.Hour, items); err != nil {
		t.Fatal(err)
	}
	got := strings.Join(slices.DeleteFunc(l.values("a"), func(v string) bool { return v == "" }), " ")
	if want := "1 2 3 before of somebody else"; got != want {
		t.Errorf("the stream has %s; want %s", got, want)
	}
	// What cannot be found out is an error, or accepted.
	if err := s.Purge(t.Context(), jetstream.WithPurgeSequence(4)); err != nil {
		t.Fatal(err)
	}
	err = commit(t, o, time.Hour, items)
	wantError(t, "messages are removed", err, "the messages of checkpoint 3: nats: it cannot be found out whether they are in the stream a")
	wantError(t, "messages are removed", err, "'sink.accept-duplicates' = 'true'")
	o.AcceptDuplicates = true
	if err := commit(t, o, time.Hour, items); err != nil {
		t.Error(err)
	}
}

// TestCommitWhileServerIsAway: a commit waits for the server, and each message is there once.
func TestCommitWhileServerIsAway(t *testing.T) { onEach(t, testCommitWhileServerIsAway) }

func testCommitWhileServerIsAway(t *testing.T, newLog makeLog) {
	l := newLog(t)
	l.stream("a")
	o := l.exactly("a")
	var values, want []string
	for i := range 3000 {
		values = append(values, fmt.Sprint(i))
	}
	items := prepared(t, o, values...)
	k, err := Sink(o, encoded).(connect.TwoPhase).Committer(writerContext(t))
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close()
	if err := k.Commit(items[:1]); err != nil {
		t.Fatal(err)
	}
	more := prepared(t, o, "more")
	l.kill()
	done := make(chan error)
	go func() { done <- k.Commit(append(items, more...)) }()
	l.up()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	want = append(slices.Clone(values), "more")
	slices.Sort(want)
	if got := l.values("a"); !slices.Equal(got, want) {
		t.Errorf("the stream has %d messages, want %d", len(got), len(want))
	}
}

func TestSink(t *testing.T) { onEach(t, testSink) }

func testSink(t *testing.T, newLog makeLog) {
	l := newLog(t)
	l.stream("a")
	o := SinkOptions{Connection: Connection{Servers: []string{l.url}}, Stream: "a"}
	for _, o.Guarantee = range []Guarantee{AtLeastOnce, None} {
		w, err := Sink(o, func(m *Message, v string) error {
			m.Subject, m.Header, m.Data = "a."+v, map[string][]string{"k": {v, v}}, []byte(v)
			return nil
		}).Writer(writerContext(t), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Write([]string{"0", "1"}, []int64{0, 0}); err != nil {
			t.Fatal(err)
		}
		if err := w.Flush(true); err != nil {
			t.Fatal(err)
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
	}
	got, err := read(t, l.options("a"), func(m *Message) (string, error) {
		return fmt.Sprintf("%s=%s %v", m.Subject, m.Data, m.Header), nil
	})
	want := "[a.0=0 map[k:[0 0]] a.0=0 map[k:[0 0]] a.1=1 map[k:[1 1]] a.1=1 map[k:[1 1]]]"
	if err != nil || fmt.Sprint(got) != want {
		t.Errorf("%v, %v; want %s", got, err, want)
	}
}

func TestSinkErrors(t *testing.T) { onEach(t, testSinkErrors) }

func testSinkErrors(t *testing.T, newLog makeLog) {
	l := newLog(t)
	l.stream("a")
	l.stream("short", func(c *jetstream.StreamConfig) { c.Duplicates = time.Second })
	l.stream("full", func(c *jetstream.StreamConfig) { c.MaxMsgs, c.Discard = 1, jetstream.DiscardNew })
	l.put("full.x", "1")
	at := Connection{Servers: []string{l.url}}
	for want, o := range map[string]SinkOptions{
		"no server is named ('servers')":                                  {},
		"exactly-once needs the stream that is written ('stream')":        {Connection: at, Guarantee: ExactlyOnce},
		`"a.*" ('subject') is no subject that can be written`:             {Connection: at, Subject: "a.*"},
		"the stream nowhere is not there; create it":                      {Connection: at, Stream: "nowhere"},
		"no stream takes the subject nowhere.x ('subject'); create one":   {Connection: at, Subject: "nowhere.x"},
		"the subject a.x ('subject') belongs to the stream a, not to sho": {Connection: at, Stream: "short", Subject: "a.x"},
		"the stream short knows ids of messages for 1s only":              {Connection: at, Stream: "short", Guarantee: ExactlyOnce},
	} {
		_, err := Sink(o, encoded).Writer(writerContext(t), nil)
		wantError(t, "options", err, want)
	}
	for want, m := range map[string]Message{
		"a message has no subject":                                     {},
		"nowhere.x is not written: no stream takes that subject":       {Subject: "nowhere.x"},
		"full.x is not written: the stream does not take it":           {Subject: "full.x"},
		"a.x is not written: it is larger than max_payload of the ser": {Subject: "a.x", Data: make([]byte, 2<<20)},
	} {
		o := SinkOptions{Connection: at}
		o.Timeout = 100 * time.Millisecond
		w, err := Sink(o, func(to *Message, v string) error {
			*to = m
			return nil
		}).Writer(writerContext(t), nil)
		if err != nil {
			t.Fatal(err)
		}
		if err = w.Write([]string{""}, []int64{0}); err == nil {
			err = w.Flush(false)
		}
		wantError(t, "a message", err, want)
		w.Close()
	}
	// What belongs to another stream is not written exactly once.
	o := l.exactly("a")
	items := prepared(t, o, "1")
	o.Stream, o.Subject = "short", ""
	wantError(t, "another stream", commit(t, o, 0, items), "the subject belongs to another stream than 'stream'")
	o = l.exactly("a")
	w, err := Sink(o, encoded).Writer(writerContext(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	wantError(t, "too large", w.Write([]string{strings.Repeat("x", 2<<20)}, []int64{0}), "larger than max_payload")
}

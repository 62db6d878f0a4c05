package nats

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/connecttest"
	"github.com/flott-dev/flott/internal/natsserver"
	"github.com/flott-dev/flott/internal/servertest"
)

func TestSource(t *testing.T) { onEach(t, testSource) }

func testSource(t *testing.T, newLog makeLog) {
	l := newLog(t)
	l.stream("a")
	l.stream("b")
	of, more := l.fill(6, "a.x", "a.y", "a.z"), l.fill(5, "b.x")
	for name, change := range map[string]func(o *SourceOptions){
		"streams": func(*SourceOptions) {},
		"filters": func(o *SourceOptions) {
			o.Streams, o.Subjects = []string{"a"}, []string{"a.x", "a.*.none", "a.y", "a.z"}
		},
		"subjects": func(o *SourceOptions) { o.EachSubject = true },
	} {
		o := l.options("a", "b")
		change(&o)
		want := of
		if len(o.Streams) > 1 {
			want = slices.Concat(of, more)
		}
		t.Run(name+" unbounded", func(t *testing.T) {
			connecttest.Source(t, func() connect.Source[string] { return Source(o, placed) },
				connecttest.Options[string]{Want: want, Max: len(want)})
		})
		o.Stop = new(Latest())
		t.Run(name+" bounded", func(t *testing.T) {
			connecttest.Source(t, func() connect.Source[string] { return Source(o, placed) }, connecttest.Options[string]{Want: want})
		})
	}
}

func TestPositions(t *testing.T) { onEach(t, testPositions) }

func testPositions(t *testing.T, newLog makeLog) {
	l := newLog(t)
	s := l.stream("a")
	l.stream("empty")
	l.fill(10, "a.x")
	if err := s.DeleteMsg(t.Context(), 4); err != nil {
		t.Fatal(err)
	}
	at := func(n uint64) time.Time {
		m, err := s.GetMsg(t.Context(), n)
		if err != nil {
			t.Fatal(err)
		}
		return m.Time
	}
	for _, test := range []struct {
		start, stop Position
		want        string
	}{
		{Earliest(), Latest(), "[1 10 2 3 5 6 7 8 9]"},
		{Latest(), Latest(), "[]"},
		{Sequence(4), Latest(), "[10 5 6 7 8 9]"},
		{Sequence(8), Sequence(10), "[8 9]"},
		{Earliest(), Sequence(5), "[1 2 3]"},
		{At(at(9)), Latest(), "[10 9]"},
		{At(at(10).Add(time.Hour)), Latest(), "[]"},
		{Earliest(), At(at(3)), "[1 2]"},
	} {
		o := l.options("a")
		o.Start, o.Stop = test.start, &test.stop
		got, err := read(t, o, func(m *Message) (string, error) { return fmt.Sprint(m.Sequence), nil })
		if err != nil || fmt.Sprint(got) != test.want {
			t.Errorf("from %v to %v: %v, %v; want %s", test.start, test.stop, got, err, test.want)
		}
	}
	for _, filter := range []string{"", "a.none"} {
		o := l.options("empty")
		if filter != "" {
			o.Streams, o.Subjects = []string{"a"}, []string{filter} // which takes nothing
		}
		if got, err := read(t, o, placed); err != nil || len(got) > 0 {
			t.Errorf("nothing to read: %v, %v", got, err)
		}
	}
}

func TestMessages(t *testing.T) {
	l := embeddedLog(t)
	l.stream("a")
	l.put("a.x", "1")
	got, err := read(t, l.options("a"), func(m *Message) (string, error) {
		if since := time.Since(m.Timestamp); since < 0 || since > time.Minute {
			t.Errorf("the message is of %v", m.Timestamp)
		}
		return fmt.Sprintf("%s %s %d %v %s", m.Stream, m.Subject, m.Sequence, m.Header, m.Data), nil
	})
	if want := "[a a.x 1 map[h:[1]] 1]"; err != nil || fmt.Sprint(got) != want {
		t.Errorf("%v, %v; want %s", got, err, want)
	}
}

// TestDiscovery finds a subject that comes while the source runs, and reads all that it has had since the start.
func TestDiscovery(t *testing.T) {
	l := embeddedLog(t)
	l.stream("a")
	l.put("a.x", "old")
	o := l.options("a")
	o.EachSubject, o.Start, o.Discover = true, Latest(), time.Second
	d := connecttest.NewDriver(t, Source(o, placed), 2, nil)
	want := func(want string) {
		t.Helper()
		if got, err := d.Read(1); err != nil || len(got) != 1 || got[0] != want {
			t.Fatalf("%v, %v; want %s", got, err, want)
		}
	}
	if err := d.Deliver(); err != nil {
		t.Fatal(err)
	}
	l.put("a.x", "new")
	want("a.x/new")
	l.put("a.y", "found")
	want("a.y/found")
	s := d.Snapshot()
	d.Close()
	l.put("a.z", "while it was down")
	l.put("a.y", "too")
	d = connecttest.NewDriver(t, Source(o, placed), 3, s)
	got, err := d.Read(2)
	slices.Sort(got)
	if err != nil || fmt.Sprint(got) != "[a.y/too a.z/while it was down]" {
		t.Errorf("%v, %v", got, err)
	}
}

// TestServerAway: a server that is killed holds a source back, which goes on when it is there again. One that is not there at the
// start is waited for.
func TestServerAway(t *testing.T) { onEach(t, testServerAway) }

func testServerAway(t *testing.T, newLog makeLog) {
	l := newLog(t)
	l.stream("a")
	sink, err := Sink(SinkOptions{Connection: Connection{Servers: []string{l.url}}, Subject: "a.x"}, encoded).Writer(writerContext(t), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer sink.Close()
	write := func(v string) {
		t.Helper()
		if err := sink.Write([]string{v}, []int64{0}); err != nil {
			t.Fatal(err)
		}
	}
	d := connecttest.NewDriver(t, Source(l.options("a"), placed), 1, nil)
	want := func(want string) {
		t.Helper()
		if got, err := d.Read(1); err != nil || fmt.Sprint(got) != want {
			t.Fatalf("%v, %v; want %s", got, err, want)
		}
	}
	write("before")
	want("[a.x/before]")
	if err := sink.Flush(false); err != nil {
		t.Fatal(err)
	}
	l.kill()
	written := make(chan error)
	go func() { written <- sink.Write([]string{"while it is away"}, []int64{0}) }()
	o := l.options("a")
	o.Timeout = 300 * time.Millisecond
	_, err = connecttest.NewDriver(t, Source(o, placed), 1, nil).Read(1)
	wantError(t, "no server at the start", err, "no server at "+l.url+" has answered within 300ms ('connect.timeout')")
	l.up()
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	if err := sink.Flush(false); err != nil {
		t.Fatal(err)
	}
	want("[a.x/while it is away]")
}

// TestLost: messages that are gone fail the job, unless that is accepted. A filter that takes few does not lose what it never takes.
func TestLost(t *testing.T) { onEach(t, testLost) }

func testLost(t *testing.T, newLog makeLog) {
	l := newLog(t)
	s := l.stream("a")
	l.put("a.x", "0", "1", "2")
	o := l.options("a")
	d := connecttest.NewDriver(t, Source(o, placed), 1, nil)
	if got, err := d.Read(3); err != nil || fmt.Sprint(got) != "[a.x/0 a.x/1 a.x/2]" {
		t.Fatal(got, err)
	}
	saved := d.Snapshot()
	d.Close()
	l.put("a.x", "3", "4", "5", "6", "7", "8", "9") // now, as Read takes all that has come
	if err := s.Purge(t.Context(), jetstream.WithPurgeSequence(9)); err != nil {
		t.Fatal(err)
	}
	_, err := connecttest.NewDriver(t, Source(o, placed), 1, saved).Read(1)
	wantError(t, "lost messages", err, "message 4 is to be read next, and the first one that is left is 9: what was before it is lost, as by limits of the "+
		"stream; to go on without it, set 'scan.lost-messages' = 'ignore'")
	o.IgnoreLost = true
	if got, err := connecttest.NewDriver(t, Source(o, placed), 1, saved).Read(2); err != nil || fmt.Sprint(got) != "[a.x/8 a.x/9]" {
		t.Errorf("the loss is ignored: %v, %v", got, err)
	}
	if err := l.js.DeleteStream(context.Background(), "a"); err != nil {
		t.Fatal(err)
	}
	l.stream("a")
	_, err = connecttest.NewDriver(t, Source(o, placed), 1, saved).Read(1)
	wantError(t, "another stream", err, "the last one is 0: the stream has been made anew")
}

// TestPositionMovesOn: the position of a filter that takes nothing moves with the stream.
func TestPositionMovesOn(t *testing.T) {
	l := embeddedLog(t)
	s := l.stream("a")
	l.fill(5, "a.x")
	o := l.options("a")
	o.Subjects = []string{"a.rare"}
	src := Source(o, placed).(*source[string])
	r := newReader(src.o, readerContext(t))
	defer r.Close()
	f := newFeed(newSplit("a", "a.rare", 1, noStop), r)
	consumer, err := s.CreateConsumer(t.Context(), jetstream.ConsumerConfig{AckPolicy: jetstream.AckNonePolicy, FilterSubject: "a.rare"})
	if err != nil {
		t.Fatal(err)
	}
	if end, err := f.look(t.Context(), s, consumer); err != nil || end {
		t.Fatal(end, err)
	}
	if ready, err := f.take(); err != nil || ready || f.next != 6 {
		t.Errorf("the position is %d (%v, %v)", f.next, ready, err)
	}
	if err := s.Purge(t.Context(), jetstream.WithPurgeSequence(6)); err != nil {
		t.Fatal(err)
	}
	info, err := s.Info(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := f.checkPosition(&info.State); err != nil {
		t.Error(err)
	}
}

func TestSourceErrors(t *testing.T) { onEach(t, testSourceErrors) }

func testSourceErrors(t *testing.T, newLog makeLog) {
	l := newLog(t)
	l.stream("a")
	l.stream("work", func(c *jetstream.StreamConfig) { c.Retention = jetstream.WorkQueuePolicy })
	for want, change := range map[string]func(o *SourceOptions){
		"no server is named ('servers')":                            func(o *SourceOptions) { o.Servers = nil },
		"no stream is named ('stream')":                             func(o *SourceOptions) { o.Streams = nil },
		`the stream "a" ('stream') is there twice`:                  func(o *SourceOptions) { o.Streams = []string{"a", "a"} },
		"stream b: nats: it is not there; create it, or correct":    func(o *SourceOptions) { o.Streams = []string{"b"} },
		"its retention is WorkQueue":                                func(o *SourceOptions) { o.Streams = []string{"work"} },
		"the subjects a.* and a.x ('subject') have messages in com": func(o *SourceOptions) { o.Subjects = []string{"a.*", "a.x"} },
		`"a b" ('subject') is no subject`:                           func(o *SourceOptions) { o.Subjects = []string{"a b"} },
		"one of them says who one is":                               func(o *SourceOptions) { o.Token, o.User = "t", "u" },
		"'credentials'":                                             func(o *SourceOptions) { o.Credentials = "/nowhere" },
	} {
		o := l.options("a")
		change(&o)
		err := Source(o, placed).(*source[string]).err
		if err == nil {
			_, err = read(t, o, placed)
		}
		wantError(t, want, err, want)
	}
}

// TestBackpressure: what nobody polls for is not sent beyond a bound, and comes when it is polled for.
func TestBackpressure(t *testing.T) {
	l := embeddedLog(t)
	l.stream("a")
	const n = 3 * bufferMax
	for range n {
		if _, err := l.js.PublishAsync("a.x", []byte("m"), jetstream.WithStallWait(time.Minute)); err != nil {
			t.Fatal(err)
		}
	}
	<-l.js.PublishAsyncComplete()
	o := l.options("a")
	o.Stop = new(Latest())
	src := Source(o, placed).(*source[string])
	r := newReader(src.o, readerContext(t))
	defer r.Close()
	if err := r.Assign([]connect.Split{newSplit("a", "", 1, n+1).encode()}); err != nil {
		t.Fatal(err)
	}
	f := r.feeds[0]
	kept := func() int {
		f.mu.Lock()
		defer f.mu.Unlock()
		return len(f.buf)
	}
	for deadline := time.Now().Add(20 * time.Second); kept() < bufferMax; {
		if time.Now().After(deadline) {
			t.Fatalf("%d messages have come", kept())
		}
	}
	got := 0
	for !f.isAtEnd() {
		if k := kept(); k > bufferMax+1 {
			t.Fatalf("%d messages are kept", k)
		}
		if ready, err := f.take(); err != nil {
			t.Fatal(err)
		} else if ready {
			got += len(f.out)
			f.next, f.out = f.out[len(f.out)-1].Sequence+1, nil
		}
	}
	if got != n {
		t.Errorf("%d messages of %d", got, n)
	}
}

func TestBadMessages(t *testing.T) {
	l := embeddedLog(t)
	l.stream("a")
	l.put("a.x", "1", "bad", "skip", "2")
	decode := func(m *Message) (string, error) {
		switch string(m.Data) {
		case "bad":
			return "", errors.New("it is bad")
		case "skip":
			return "", connect.ErrSkip
		}
		return string(m.Data), nil
	}
	o := l.options("a")
	_, err := read(t, o, decode)
	if want := `stream a, subject a.x, message 2: it is bad, in the record "bad"`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	var letters []*connect.Bad
	for _, o.OnBad = range []connect.BadPolicy{connect.SkipBad, connect.DeadLetter(func(b *connect.Bad) error {
		letters = append(letters, b)
		return nil
	})} {
		if got, err := read(t, o, decode); err != nil || !slices.Equal(got, []string{"1", "2"}) {
			t.Errorf("%v, %v", got, err)
		}
	}
	if len(letters) != 1 || string(letters[0].Record) != "bad" {
		t.Errorf("dead letters: %v", letters)
	}
	with := func(p connect.BadPolicy) func() connect.Source[string] {
		o := o
		o.OnBad, o.Stop = p, new(Latest())
		return func() connect.Source[string] { return Source(o, decode) }
	}
	connecttest.Malformed(t, with(connect.FailOnBad), with(connect.SkipBad), []string{"1", "2"})
}

func TestOverlap(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"a", "a", true},
		{"a", "b", false},
		{"a.*", "a.b", true},
		{"a.*", "a.b.c", false},
		{"a.>", "a.b.c", true},
		{"a.>", "b.>", false},
		{"*.x", "a.*", true},
		{"a.*.c", "a.b", false},
		{">", "a", true},
		{"", "a", true},
	} {
		if overlap(c.a, c.b) != c.want || overlap(c.b, c.a) != c.want {
			t.Errorf("%s and %s overlap: %v", c.a, c.b, !c.want)
		}
	}
}

// TestLogin: the server lets in who knows its token.
func TestLogin(t *testing.T) {
	s, err := natsserver.Start(natsserver.Options{Dir: t.TempDir(), Address: "127.0.0.1:0", Token: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Stop()
	for token, want := range map[string]string{
		"secret": "stream a: nats: it is not there", "": "look at 'user' and 'password', 'token' or 'credentials'", "wrong": "look at 'user'",
	} {
		o := SourceOptions{Connection: Connection{Servers: []string{s.URL()}, Token: token}, Streams: []string{"a"}}
		_, err := read(t, o, placed)
		wantError(t, "token "+token, err, want)
		_, err = Sink(SinkOptions{Connection: o.Connection, Stream: "a"}, encoded).Writer(writerContext(t), nil)
		wantError(t, "token "+token, err, strings.Replace(want, "stream a: nats: it is", "the stream a is", 1))
	}
}

// TestPermissions: what the user may not do fails the job, rather than that it waits for an answer.
func TestPermissions(t *testing.T) {
	conf := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(conf, []byte(jetStream(t)+`authorization { users = [{ user: u, password: p, permissions: { publish: "x" } }] }`), 0o600); err != nil {
		t.Fatal(err)
	}
	l := servertest.NewNATS(t, "-c", conf)
	o := SourceOptions{Connection: Connection{Servers: []string{l.URL}, User: "u", Password: "p"}, Streams: []string{"a"}}
	_, err := read(t, o, placed)
	wantError(t, "a user without permissions", err, "the user may not do that: nats: permissions violation")
}

package nats

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/connecttest"
	"github.com/flott-dev/flott/internal/servertest"
)

// door is a server with the stream a that may stop letting a job in.
type door struct {
	*log
	job                Connection
	withdraw, giveBack func()
}

// onEachDoor runs a test with servers that withdraw credentials in different ways.
func onEachDoor(t *testing.T, test func(t *testing.T, d *door)) {
	for name, users := range map[string]string{"user removed": "", "password changed": "{ user: u, password: another }"} {
		t.Run(name, func(t *testing.T) { test(t, userDoor(t, users)) })
	}
	t.Run("token changed", func(t *testing.T) { test(t, tokenDoor(t)) })
}

// userDoor is a server of the package that reads another list of users while it runs.
func userDoor(t *testing.T, then string) *door {
	t.Helper()
	path, store := filepath.Join(t.TempDir(), "nats.conf"), jetStream(t)
	write := func(more string) {
		t.Helper()
		conf := store + "authorization { users = [ { user: other, password: o }, " + more + " ] }"
		if err := os.WriteFile(path, []byte(conf), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const user = "{ user: u, password: p }"
	write(user)
	s := servertest.NewNATS(t, "-c", path)
	change := func(users string) func() {
		return func() {
			write(users)
			s.Reload(t)
		}
	}
	d := &door{job: Connection{Servers: []string{s.URL}, User: "u", Password: "p"}, withdraw: change(then), giveBack: change(user)}
	d.log = guarded(t, s.URL, nats.UserInfo("other", "o"))
	return d
}

// tokenDoor is a server within the process that starts again with another token.
func tokenDoor(t *testing.T) *door {
	t.Helper()
	s := newEmbedded(t, "secret")
	again := func(token string) func() {
		return func() {
			s.Stop()
			s.o.Token = token
			s.start()
		}
	}
	d := &door{job: Connection{Servers: []string{s.URL()}, Token: "secret"}, withdraw: again("another"), giveBack: again("secret")}
	d.log = guarded(t, s.URL(), nats.Token("secret"), nats.IgnoreAuthErrorAbort(), nats.MaxReconnects(-1))
	return d
}

// guarded is a client of a server that asks who one is, with the stream a.
func guarded(t *testing.T, at string, options ...nats.Option) *log {
	t.Helper()
	nc, err := nats.Connect(at, options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	l := &log{t: t, url: at}
	if l.js, err = jetstream.New(nc); err != nil {
		t.Fatal(err)
	}
	l.stream("a")
	l.put("a.x", "first")
	return l
}

func (d *door) source(streams ...string) SourceOptions {
	return SourceOptions{Connection: d.job, Streams: streams}
}

func (d *door) sink(g Guarantee) SinkOptions {
	return SinkOptions{Connection: d.job, Stream: "a", Subject: "a.x", Guarantee: g}
}

func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for began := time.Now(); !is(); <-time.After(10 * time.Millisecond) {
		if time.Since(began) > 30*time.Second {
			t.Fatalf("it is not so that %s", what)
		}
	}
}

// TestWithdrawn: jobs whose credentials are withdrawn while they run fail when they have tried for long enough, and say what to look at.
func TestWithdrawn(t *testing.T) {
	onEachDoor(t, func(t *testing.T, d *door) {
		d.job.Timeout = 500 * time.Millisecond
		jobs := map[string]func() error{}
		// each adds what is done again until it fails.
		each := func(name string, do func() error) {
			if err := do(); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			jobs[name] = do
		}
		source := connecttest.NewDriver(t, Source(d.source("a"), placed), 1, nil)
		if _, err := source.Read(1); err != nil {
			t.Fatal(err)
		}
		jobs["the source"] = func() error {
			_, err := source.Read(1)
			return err
		}
		w, err := Sink(d.sink(AtLeastOnce), encoded).Writer(writerContext(t), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		each("the sink", func() error { return errors.Join(w.Write([]string{"x"}, []int64{0}), w.Flush(false)) })
		exact, err := Sink(d.sink(ExactlyOnce), encoded).Writer(writerContext(t), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer exact.Close()
		var items [][]byte
		each("what prepares", func() error {
			err := exact.Write([]string{"y"}, []int64{0})
			more, prepareErr := exact.(connect.Preparer).Prepare(1)
			items = append(items, more...)
			return errors.Join(err, prepareErr)
		})
		committing := func() func() error {
			k, err := Sink(d.sink(ExactlyOnce), encoded).(connect.TwoPhase).Committer(writerContext(t))
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { k.Close() })
			return func() error { return k.Commit(items[:1]) }
		}
		each("what commits", committing())
		jobs["what commits for the first time"] = committing()
		none := d.source("a")
		none.EachSubject, none.Subjects, none.Discover = true, []string{"a.none"}, time.Second
		looking := connecttest.NewDriver(t, Source(none, placed), 1, nil)
		if err := looking.Deliver(); err != nil {
			t.Fatal(err)
		}
		jobs["what looks for subjects, and has none"] = func() error {
			_, err := looking.Read(1)
			return err
		}
		d.withdraw()
		for what, job := range jobs {
			var err error
			until(t, what+" fails", func() bool {
				err = job()
				return err != nil
			})
			if !strings.Contains(err.Error(), "the server does not let the user in: look at 'user' and 'password', 'token' or 'credentials': tried for 500ms ('connect.timeout')") {
				t.Errorf("%s: %v", what, err)
			}
		}
	})
}

// TestGivenBack: a job whose credentials come back goes on, and has lost nothing.
func TestGivenBack(t *testing.T) {
	onEachDoor(t, func(t *testing.T, d *door) {
		r := newReader(Source(d.source("a"), placed).(*source[string]).o, readerContext(t))
		defer r.Close()
		if err := r.Assign([]connect.Split{newSplit("a", "", 1, noStop).encode()}); err != nil {
			t.Fatal(err)
		}
		f := r.feeds[0]
		var got []string
		read := func(n int) {
			t.Helper()
			until(t, fmt.Sprint("there are ", n, " messages"), func() bool {
				if _, err := f.take(); err != nil {
					t.Fatal(err)
				}
				for _, m := range f.out {
					got = append(got, string(m.Data))
				}
				f.out = nil
				return len(got) >= n
			})
		}
		w, err := Sink(d.sink(AtLeastOnce), encoded).Writer(writerContext(t), nil)
		if err != nil {
			t.Fatal(err)
		}
		defer w.Close()
		write := func(v string) error { return errors.Join(w.Write([]string{v}, []int64{0}), w.Flush(false)) }
		if err := write("before"); err != nil {
			t.Fatal(err)
		}
		read(2)
		items := prepared(t, d.sink(ExactlyOnce), "committed")
		d.withdraw()
		isRefused := func(c *client, of *Connection) func() bool {
			return func() bool {
				_, refusal := c.refusal(of)
				return refusal != nil
			}
		}
		writer := w.(*writer[string])
		until(t, "the source is refused", isRefused(r.line.client, &r.o.Connection))
		until(t, "the sink is refused", isRefused(writer.c, &writer.o.Connection))
		done := make(chan error, 2)
		go func() { done <- write("while it is refused") }()
		go func() { done <- commit(t, d.sink(ExactlyOnce), 0, items) }()
		d.giveBack()
		for range cap(done) {
			if err := <-done; err != nil {
				t.Fatal(err)
			}
		}
		read(4)
		slices.Sort(got)
		if want := "[before committed first while it is refused]"; fmt.Sprint(got) != want {
			t.Errorf("%v; want %s", got, want)
		}
		until(t, "the time is forgotten", func() bool {
			writer.c.mu.Lock()
			defer writer.c.mu.Unlock()
			return writer.c.mu.refused.IsZero()
		})
	})
}

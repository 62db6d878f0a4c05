package result

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/internal/wire"
)

const job = "00000000000000000000000000000001"

// about is the result of a test.
func about(deployment int) Error {
	return Error{Result: `"map" (subtask 2) for "sum"`, ID: ID{deployment, 1, 2}, TaskManager: "tm-1"}
}

// fill writes random pieces to a file and returns those of each part.
func fill(t testing.TB, rng *rand.Rand, dir string, id, parts, pieces int) [][][]byte {
	t.Helper()
	w := NewWriter(dir, about(id), parts)
	want := make([][][]byte, parts)
	for range pieces {
		piece := make([]byte, rng.IntN(1<<rng.IntN(17)))
		for i := range piece {
			piece[i] = byte(rng.IntN(4))
		}
		part := rng.IntN(parts)
		if err := w.Put(part, piece); err != nil {
			t.Fatal(err)
		}
		want[part] = append(want[part], piece)
	}
	for _, part := range rng.Perm(parts) {
		if _, err := os.Stat(w.path()); err == nil {
			t.Fatal("the file is there before its last part has ended")
		}
		if err := w.End(part); err != nil {
			t.Fatal(err)
		}
	}
	return want
}

// drain reads a part to its end.
func drain(s Source) (pieces [][]byte, err error) {
	news := make(chan struct{}, 1)
	s.Start(func() { news <- struct{}{} })
	defer s.Close()
	for {
		block, err := s.Next()
		switch {
		case err == ErrWait:
			<-news
			continue
		case err == io.EOF:
			return pieces, nil
		case err != nil:
			return pieces, err
		}
		for len(block) > 0 {
			n, k := binary.Uvarint(block)
			pieces = append(pieces, bytes.Clone(block[k:k+int(n)]))
			block = block[k+int(n):]
		}
	}
}

func samePieces(a, b [][]byte) bool { return slices.EqualFunc(a, b, bytes.Equal) }

// served is a directory that is served over a connection.
type served struct {
	dir         *Dir
	client      *Client
	conn, other *wire.Conn // of the consumer, and of the TaskManager
	server      *Server
}

func serve(t testing.TB, connect func(testing.TB) (net.Conn, net.Conn)) *served {
	t.Helper()
	a, b := connect(t)
	s := &served{}
	var err error
	if s.dir, err = OpenDir(t.TempDir()); err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() {
		var err error
		s.other, err = wire.Server(b, wire.Options{Name: "tm-1"})
		done <- err
	}()
	s.conn, err = wire.Client(a, wire.Options{Name: "worker-1"})
	if err := errors.Join(err, <-done); err != nil {
		t.Fatal(err)
	}
	if s.server, err = Serve(s.dir, s.other); err != nil {
		t.Fatal(err)
	}
	if s.client, err = NewClient(s.conn); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *served) close(t testing.TB) {
	t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	_ = s.conn.Close(ctx)
	_ = s.other.Close(ctx)
	<-s.other.Done()
	s.server.Wait()
	if err := s.dir.Close(); err != nil {
		t.Error(err)
	}
}

func loopback(t testing.TB) (net.Conn, net.Conn) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	a, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	b, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	return a, b
}

// TestPrograms writes random files, and has consumers read them all at once, here and over a connection.
func TestPrograms(t *testing.T) {
	for seed := range uint64(30) {
		rng := rand.New(rand.NewPCG(seed, 1))
		s := serve(t, loopback)
		parts := 1 + rng.IntN(1<<rng.IntN(11))
		want := fill(t, rng, s.dir.Job(job), 7, parts, rng.IntN(400))
		results := make(chan error)
		read := func(what string, source Source, part int) {
			got, err := drain(source)
			if err == nil && !samePieces(got, want[part]) {
				err = fmt.Errorf("seed %d: part %d, %s: %d pieces, want %d", seed, part, what, len(got), len(want[part]))
			}
			results <- err
		}
		for part := range parts {
			go read("here", Local(s.dir.Job(job), about(7), part), part)
			go read("over a connection", s.client.Fetch(job, about(7), part), part)
		}
		for range 2 * parts {
			if err := <-results; err != nil {
				t.Error(err)
			}
		}
		s.close(t)
	}
}

// TestDamage changes, or cuts off, a file at each of its bytes. A consumer gets what was written, or an error that
// says that the result is lost.
func TestDamage(t *testing.T) {
	dir := t.TempDir()
	rng := rand.New(rand.NewPCG(1, 1))
	want := fill(t, rng, dir, 7, 3, 30)
	path := filepath.Join(dir, about(7).ID.name())
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	check := func(what string, at int, data []byte) {
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		failed := 0
		for part := range want {
			got, err := drain(Local(dir, about(7), part))
			if e := (*Error)(nil); err != nil && (!errors.As(err, &e) || !e.Lost || !errors.Is(err, ErrDamaged)) {
				t.Fatalf("%s at %d: %v", what, at, err)
			}
			if err == nil && !samePieces(got, want[part]) {
				t.Fatalf("%s at %d: part %d is another one", what, at, part)
			}
			if err != nil {
				failed++
			}
		}
		if failed == 0 {
			t.Fatalf("%s at %d: nobody notices", what, at)
		}
	}
	step := max(1, len(whole)/800) // all of the index, and some of the blocks
	for at := range whole {
		if at%step != 0 && at < len(whole)-200 {
			continue
		}
		check("cut off", at, whole[:at])
		changed := bytes.Clone(whole)
		changed[at] ^= 1 << rng.IntN(8)
		check("a bit is changed", at, changed)
	}
}

// TestMissing: a result that is not there is lost, also for who asks over a connection. The error names it, and
// the TaskManager.
func TestMissing(t *testing.T) {
	s := serve(t, loopback)
	defer s.close(t)
	fill(t, rand.New(rand.NewPCG(1, 1)), s.dir.Job(job), 7, 3, 30)
	path := filepath.Join(s.dir.Job(job), about(7).ID.name())
	lost := func(what string, source Source) {
		t.Helper()
		_, err := drain(source)
		if e := (*Error)(nil); !errors.As(err, &e) || !e.Lost {
			t.Errorf("%s: %v", what, err)
		}
		if text := fmt.Sprint(err); !strings.Contains(text, `the result of "map" (subtask 2) for "sum" (`) ||
			!strings.Contains(text, "at TaskManager tm-1") {
			t.Errorf("%s: %v", what, err)
		}
	}
	lost("another deployment", s.client.Fetch(job, about(8), 1))
	lost("another job", s.client.Fetch("x", about(7), 1))
	if err := os.Truncate(path, 300); err != nil {
		t.Fatal(err)
	}
	lost("torn", s.client.Fetch(job, about(7), 1))
	for _, name := range []string{"../" + job, "", ".", "a/b"} {
		_, err := drain(s.client.Fetch(name, about(7), 1))
		if e := (*Error)(nil); !errors.As(err, &e) || e.Lost {
			t.Errorf("job %q: %v", name, err)
		}
	}
}

// TestRemovedWhileRead: who has begun to read a result reads it to its end.
func TestRemovedWhileRead(t *testing.T) {
	s := serve(t, loopback)
	defer s.close(t)
	want := fill(t, rand.New(rand.NewPCG(2, 1)), s.dir.Job(job), 7, 1, 3000)
	source := s.client.Fetch(job, about(7), 0)
	news := make(chan struct{}, 1)
	source.Start(func() { news <- struct{}{} })
	for {
		if _, err := source.Next(); err == nil {
			break
		}
		<-news
	}
	if err := s.dir.Discard(job, 7); err != nil {
		t.Fatal(err)
	}
	for n := 1; ; {
		switch _, err := source.Next(); err {
		case ErrWait:
			<-news
			continue
		case nil:
			n++
			continue
		case io.EOF:
			if n < 10 || len(want[0]) != 3000 {
				t.Errorf("%d blocks", n)
			}
		default:
			t.Error(err)
		}
		break
	}
	source.Close()
	if _, err := drain(s.client.Fetch(job, about(7), 0)); err == nil {
		t.Error("it is still there")
	}
}

// cutAfter is a net.Conn that ends after so many bytes have come.
type cutAfter struct {
	net.Conn
	left int
}

// Read reads until the cut.
func (c *cutAfter) Read(p []byte) (int, error) {
	if c.left == 0 {
		c.Close()
		return 0, io.EOF
	}
	n, err := c.Conn.Read(p[:min(len(p), c.left)])
	c.left -= n
	return n, err
}

// TestCuts cuts the connection while a result is served: the consumer has an error that names the result and the
// other side, never an end.
func TestCuts(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 1))
	for range 60 {
		s := serve(t, func(testing.TB) (net.Conn, net.Conn) {
			a, b := loopback(t)
			return &cutAfter{a, 200 + rng.IntN(40_000)}, b
		})
		want := fill(t, rng, s.dir.Job(job), 7, 1, 100)
		got, err := drain(s.client.Fetch(job, about(7), 0))
		if err == nil {
			if !samePieces(got, want[0]) {
				t.Error("it ends in the middle")
			}
		} else if e := (*wire.Error)(nil); !errors.As(err, &e) || !strings.Contains(e.Peer, "tm-1") ||
			!strings.Contains(err.Error(), `the result of "map"`) {
			t.Error(err)
		} else if r := (*Error)(nil); errors.As(err, &r) && r.Lost {
			t.Errorf("it counts as lost: %v", err)
		}
		s.other.Abort(errors.New("the test ends"))
		s.close(t)
	}
}

// TestAbandon: nothing is left of a file that is given up.
func TestAbandon(t *testing.T) {
	dir := t.TempDir()
	w := NewWriter(dir, about(7), 2)
	for range 10 {
		if err := w.Put(1, make([]byte, 50_000)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.End(1); err != nil {
		t.Fatal(err)
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Fatalf("%v is there", left)
	}
	w.Abandon()
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

// TestDir: what is discarded is gone, and nothing else; who opens a directory again finds nothing in it.
func TestDir(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results")
	rng := rand.New(rand.NewPCG(4, 1))
	d, err := OpenDir(path)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, rng, d.Job(job), 1, 2, 10)
	fill(t, rng, d.Job(job), 11, 2, 10)
	fill(t, rng, d.Job("other"), 1, 2, 10)
	if err := d.Discard(job, 1); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(path, "*", "*")); len(left) != 2 {
		t.Errorf("%q is left", left)
	}
	if err := errors.Join(d.Discard("third", 1), d.Remove("third"), d.Remove(job)); err != nil {
		t.Fatal(err)
	}
	if jobs := d.Jobs(); !slices.Equal(jobs, []string{"other"}) {
		t.Errorf("%q is left", jobs)
	}
	if err := d.Remove(".."); err == nil {
		t.Error("the directory above was removed")
	}
	again, err := OpenDir(path) // the former owner was killed
	if err != nil {
		t.Fatal(err)
	}
	if jobs := again.Jobs(); len(jobs) > 0 {
		t.Errorf("%q is left", jobs)
	}
	if err := again.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("the directory is left")
	}
}

// FuzzPart reads files that nobody has written.
func FuzzPart(f *testing.F) {
	dir := f.TempDir()
	fill(f, rand.New(rand.NewPCG(5, 1)), dir, 7, 2, 5)
	whole, err := os.ReadFile(filepath.Join(dir, about(7).ID.name()))
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole, 0)
	f.Add(whole[:len(whole)-1], 1)
	f.Add([]byte(nil), 0)
	f.Fuzz(func(t *testing.T, data []byte, number int) {
		path := filepath.Join(t.TempDir(), "file")
		if err := os.WriteFile(path, data, 0o600); err != nil {
			t.Fatal(err)
		}
		p, err := openPart(path, number)
		if err != nil {
			return
		}
		defer p.close()
		for {
			n, err := p.next()
			if err != nil {
				return
			}
			if n > len(data) {
				t.Fatalf("a block of %d bytes", n)
			}
			if err := p.load(make([]byte, n)); err != nil {
				return
			}
		}
	})
}

// FuzzRequest has what is understood survive a round.
func FuzzRequest(f *testing.F) {
	f.Add((&request{channel: 2, id: ID{1, 2, 3}, part: 4, job: job}).append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		q, err := parseRequest(b)
		if err != nil {
			return
		}
		again, err := parseRequest(q.append(nil))
		if err != nil || again != q {
			t.Fatalf("%+v, %v, was %+v", again, err, q)
		}
	})
}

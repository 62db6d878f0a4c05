// Package socket is a source of lines of text from a TCP server, for trying things out.
//
// What was sent cannot be asked for again: records that were in flight when a job fails are lost,
// and those after the restart are read once. The source is at-most-once, and nothing of it is in a
// snapshot.
//
// Data flow: one reader connects; a goroutine of it reads lines and hands batches of them over a
// bounded queue to Poll, which emits them.
package socket

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/metric"
)

// Options say when the source ends. The zero value reads without end, and fails when the connection
// is closed or cannot be made.
type Options struct {
	// Bounded makes the end of the connection the end of the input.
	Bounded bool
	// Retries is how often in a row the source connects again after an error, or after the peer has
	// closed the connection of an unbounded source. Zero means not at all, a negative number without
	// end. A line that is received starts the count anew.
	Retries int
	// RetryDelay is how long it waits before that. Zero means a second.
	RetryDelay time.Duration
	// LineBytesMax is the length above which a line is an error. Zero means 1 MiB.
	LineBytesMax int
}

func (o Options) withDefaults() Options {
	if o.RetryDelay == 0 {
		o.RetryDelay = time.Second
	}
	if o.LineBytesMax == 0 {
		o.LineBytesMax = 1 << 20
	}
	return o
}

func (s *source) validate() error {
	var errs []error
	if _, _, err := net.SplitHostPort(s.addr); err != nil {
		errs = append(errs, fmt.Errorf("socket: the address %q is not host:port: %w", s.addr, err))
	}
	if s.o.RetryDelay < 0 {
		errs = append(errs, fmt.Errorf("socket: RetryDelay is %v, want 0 (a second) or more",
			s.o.RetryDelay))
	}
	if s.o.LineBytesMax < 0 {
		errs = append(errs, fmt.Errorf("socket: LineBytesMax is %d, want 0 (1 MiB) or more",
			s.o.LineBytesMax))
	}
	return errors.Join(errs...)
}

// Lines is a source of the lines that the server at addr sends, without the \n or \r\n at their
// ends. One reader connects; the others have nothing to do.
func Lines(addr string, o Options) connect.Source[string] {
	return &source{addr: addr, o: o.withDefaults(), dial: (&net.Dialer{}).DialContext}
}

type source struct {
	addr string
	o    Options
	dial func(ctx context.Context, network, addr string) (net.Conn, error)
}

func (s *source) Bounded() bool { return s.o.Bounded }

// splitData is all that a split's data says: there is no position.
const splitData = "socket"

// Enumerator has one split.
func (s *source) Enumerator(ctx connect.EnumeratorContext, state []byte,
) (connect.Enumerator, error) {
	if err := s.validate(); err != nil {
		return nil, err
	}
	left := []connect.Split{{ID: s.addr, Data: []byte(splitData)}}
	if state != nil {
		var err error
		if left, err = connect.DecodeSplits(state); err != nil {
			return nil, err
		}
	}
	return connect.NewDeal(ctx, left), nil
}

func (s *source) Reader(ctx connect.ReaderContext) (connect.Reader[string], error) {
	return &reader{
		source: s, ctx: ctx, cut: ctx.Metrics.Counter("numLinesCutOff"),
		batches: make(chan []string, 4),
	}, nil
}

type reader struct {
	source  *source
	ctx     connect.ReaderContext
	cut     *metric.Counter
	split   string
	noMore  bool
	pending []string // taken from batches, not emitted yet
	batches chan []string

	session *session  // nil while there is no connection to be
	retries int       // in a row
	retryAt time.Time // while session is nil and the split is not ended
}

// session is a connection and the goroutine that reads it.
type session struct {
	cancel context.CancelFunc
	done   chan struct{} // closed with err set
	err    error         // io.EOF: the peer has closed the connection
	wg     sync.WaitGroup
}

func (s *session) stop() {
	s.cancel()
	s.wg.Wait()
}

func (r *reader) Assign(splits []connect.Split) error {
	for _, s := range splits {
		if string(s.Data) != splitData {
			return fmt.Errorf("socket: split %q is broken: % x", s.ID, s.Data)
		}
		r.split = s.ID
	}
	r.connect()
	return nil
}

func (r *reader) NoMoreSplits() { r.noMore = true }

// Poll emits lines that have arrived.
func (r *reader) Poll(out *connect.Output[string]) (connect.Status, error) {
	if r.split == "" {
		if r.noMore {
			return connect.Ended, nil
		}
		return connect.Waiting, nil
	}
	out.Split(r.split)
	emitted := r.emit(out)
	if out.Room() == 0 || len(r.pending) > 0 {
		return connect.More, nil
	}
	status, err := r.follow(out)
	if emitted && status == connect.Waiting {
		status = connect.More
	}
	return status, err
}

func (r *reader) emit(out *connect.Output[string]) (emitted bool) {
	for out.Room() > 0 {
		if len(r.pending) == 0 {
			select {
			case r.pending = <-r.batches:
			default:
				return emitted
			}
		}
		n := min(out.Room(), len(r.pending))
		copy(out.Slots(n), r.pending[:n])
		r.pending = r.pending[n:]
		r.retries = 0
		emitted = true
	}
	return emitted
}

// follow looks what has become of the connection.
func (r *reader) follow(out *connect.Output[string]) (connect.Status, error) {
	if r.session == nil {
		if r.ctx.Now().Before(r.retryAt) {
			return connect.Waiting, nil
		}
		r.connect()
		return connect.Waiting, nil
	}
	select {
	case <-r.session.done:
	default:
		return connect.Waiting, nil
	}
	if len(r.batches) > 0 {
		return connect.More, nil // it has ended after these
	}
	err := r.session.err
	r.session.stop()
	r.session = nil
	if r.source.o.Bounded && errors.Is(err, io.EOF) {
		r.split = ""
		out.Finished()
		if !r.noMore {
			r.ctx.Request()
		}
		return connect.More, nil
	}
	if r.source.o.Retries >= 0 && r.retries >= r.source.o.Retries {
		return connect.More, r.lost(err)
	}
	r.retries++
	r.retryAt = r.ctx.Now().Add(r.source.o.RetryDelay)
	r.ctx.WakeAt(r.retryAt)
	return connect.Waiting, nil
}

func (r *reader) lost(err error) error {
	what := "the connection is lost"
	if errors.Is(err, io.EOF) {
		what = "the peer has closed the connection (the end of the input only with Options.Bounded)"
	}
	return fmt.Errorf("socket: %s: %s, after %d retries in a row: %w", r.source.addr, what, r.retries,
		err)
}

// connect starts a session.
func (r *reader) connect() {
	ctx, cancel := context.WithCancel(r.ctx.Context)
	s := &session{cancel: cancel, done: make(chan struct{})}
	r.session = s
	s.wg.Go(func() {
		s.err = r.source.read(ctx, r.batches, r.ctx.Wake, r.cut)
		close(s.done)
		r.ctx.Wake()
	})
}

// read connects and sends lines until the connection ends or ctx is done.
func (s *source) read(ctx context.Context, to chan<- []string, wake func(), cut *metric.Counter,
) error {
	conn, err := s.dial(ctx, "tcp", s.addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	in := bufio.NewReaderSize(conn, 64<<10)
	for {
		batch, err := s.batch(in)
		if err == io.EOF && !s.o.Bounded && len(batch) > 0 && batch[len(batch)-1].open {
			// The rest of the line will not come.
			cut.Add(1)
			batch = batch[:len(batch)-1]
		}
		if len(batch) > 0 {
			select {
			case to <- texts(batch):
				wake()
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		if err != nil {
			return err
		}
	}
}

// line is a line; open if its end has not come.
type line struct {
	text string
	open bool
}

func texts(lines []line) []string {
	out := make([]string, len(lines))
	for i, l := range lines {
		out[i] = l.text
	}
	return out
}

// batchLines bounds what a batch holds.
const batchLines = 1024

// batch waits for a line and takes those that have come with it.
func (s *source) batch(in *bufio.Reader) (out []line, err error) {
	for len(out) == 0 || len(out) < batchLines && whole(in) {
		text, err := s.line(in)
		if err != nil {
			if len(text) > 0 {
				out = append(out, line{text, true})
			}
			return out, err
		}
		out = append(out, line{text, false})
	}
	return out, nil
}

// whole reports whether a whole line is buffered.
func whole(in *bufio.Reader) bool {
	b, err := in.Peek(in.Buffered())
	return err == nil && bytes.IndexByte(b, '\n') >= 0
}

func (s *source) line(in *bufio.Reader) (string, error) {
	var long []byte
	for {
		part, err := in.ReadSlice('\n')
		if len(long)+len(part) > s.o.LineBytesMax {
			return "", fmt.Errorf("a line is longer than %d bytes (Options.LineBytesMax)",
				s.o.LineBytesMax)
		}
		if err == bufio.ErrBufferFull {
			long = append(long, part...)
			continue
		}
		if long != nil {
			part = append(long, part...)
		}
		part = bytes.TrimSuffix(part, []byte{'\n'})
		if err == nil {
			part = bytes.TrimSuffix(part, []byte{'\r'})
		}
		return string(part), err
	}
}

// Snapshot has the split, without a position.
func (r *reader) Snapshot() ([]connect.Split, error) {
	if r.split == "" {
		return nil, nil
	}
	return []connect.Split{{ID: r.split, Data: []byte(splitData)}}, nil
}

// Close ends the connection and waits for its goroutine.
func (r *reader) Close() error {
	if r.session != nil {
		r.session.stop()
		r.session = nil
	}
	return nil
}

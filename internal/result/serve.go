package result

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/flott-dev/flott/internal/wire"
)

// The channel of requests, which consumers send, and the kinds of messages. A request is
//
//	uvarint channel, deployment, edge, subtask, part; job
//
// It is answered on the channel by blocks and, at last, by the end, which has the number of blocks as an uvarint, or by
// a failure: byte 1 if the result is lost, text.
const (
	requests       = 1
	requestsWindow = 1 << 20

	requestMessage = 1
	blockMessage   = 2
	endMessage     = 3
	failedMessage  = 4
)

// request is what a consumer asks for.
type request struct {
	channel wire.ChannelID
	id      ID
	part    int
	job     string
}

func (q *request) append(b []byte) []byte {
	for _, v := range []uint64{
		uint64(q.channel), uint64(q.id.Deployment), uint64(q.id.Edge), uint64(q.id.Subtask), uint64(q.part),
	} {
		b = binary.AppendUvarint(b, v)
	}
	return append(b, q.job...)
}

func parseRequest(b []byte) (q request, err error) {
	var v [5]uint64
	for i := range v {
		n := 0
		if v[i], n = binary.Uvarint(b); n <= 0 || i > 0 && v[i] > 1<<40 {
			return q, errors.New("malformed request for a result")
		}
		b = b[n:]
	}
	return request{
		wire.ChannelID(v[0]), ID{int(v[1]), int(v[2]), int(v[3])}, int(v[4]), string(b),
	}, nil
}

// Server serves the results of a Dir to the consumers of one connection.
type Server struct {
	dir  *Dir
	conn *wire.Conn
	wg   sync.WaitGroup

	mu       sync.Mutex // held until receiver is set
	receiver *wire.Receiver
}

// Serve takes requests on a connection. Wait waits until all have been dealt with after its end.
func Serve(d *Dir, c *wire.Conn) (*Server, error) {
	s := &Server{dir: d, conn: c}
	s.mu.Lock()
	defer s.mu.Unlock()
	var err error
	s.receiver, err = c.NewReceiver(requests, requestsWindow, s)
	return s, err
}

// Message takes a request. It is called by the connection.
func (s *Server) Message(m wire.Message) {
	q, err := parseRequest(m.Buffer.B)
	m.Buffer.Free()
	if err != nil {
		s.conn.Abort(fmt.Errorf("%w: %w", wire.ErrProtocol, err))
		return
	}
	s.mu.Lock()
	receiver := s.receiver
	s.mu.Unlock()
	receiver.Grant(m.Cost)
	s.wg.Go(func() { s.answer(q) })
}

// Failed does nothing: what is being sent ends by itself.
func (s *Server) Failed(error) {}

// Wait waits for what is being sent. The connection must have ended.
func (s *Server) Wait() { s.wg.Wait() }

// answer sends what was asked for.
func (s *Server) answer(q request) {
	woken := make(chan struct{}, 1)
	sender, err := s.conn.NewSender(q.channel, func() {
		select {
		case woken <- struct{}{}:
		default:
		}
	})
	if err != nil {
		return // the connection has ended
	}
	defer sender.Close()
	blocks, err := s.blocks(q, sender, woken)
	switch {
	case errors.Is(err, errGone):
	case err == nil:
		m := wire.NewBuffer(0)
		m.B = binary.AppendUvarint(m.B, uint64(blocks))
		_, _ = sender.Send(endMessage, m) // an error is of the connection, and the consumer has it too
	default:
		m := wire.NewBuffer(0)
		m.B = append(append(m.B, 0), err.Error()...)
		if isLost(err) {
			m.B[0] = 1
		}
		_, _ = sender.Send(failedMessage, m)
	}
}

// errGone says that nobody wants the rest.
var errGone = errors.New("the consumer is gone")

// blocks sends the blocks of a part, as there is room.
func (s *Server) blocks(q request, sender *wire.Sender, woken <-chan struct{}) (n int, err error) {
	path, err := fileOf(s.dir.path, q.job, q.id)
	if err != nil {
		return 0, err
	}
	p, err := openPart(path, q.part)
	if err != nil {
		return 0, err
	}
	defer p.close()
	for ; ; n++ {
		length, err := p.next()
		if err == io.EOF {
			return n, nil
		}
		if err != nil {
			return n, err
		}
		for !sender.Room() {
			select {
			case <-woken:
			case <-s.conn.Done():
				return n, errGone
			}
		}
		if sender.Stopped() {
			return n, errGone
		}
		m := wire.NewBuffer(length)
		m.B = m.B[:length]
		if err := p.load(m.B); err != nil {
			m.Free()
			return n, err
		}
		if _, err := sender.Send(blockMessage, m); err != nil {
			return n, errGone
		}
	}
}

package wire

import (
	"bytes"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"time"

	"github.com/zeebo/xxh3"
)

// Version is the protocol version. A side works with the versions before and after its own.
var Version = number(version)

// version can be set by the linker: tests run processes of other versions.
var version = "1"

func number(s string) uint16 {
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil {
		panic("wire: the version that the linker has set is no number: " + err.Error())
	}
	return uint16(n)
}

// The limits of a handshake: until it is over, nobody knows who is at the other end.
const (
	nameBytesMax    = 1 << 10
	payloadBytesMax = 1 << 20
)

// hello is what each side says first. Its layout is the same in all versions:
//
//	0       8         10       11   12      16        20
//	┌───────┬─────────┬────────┬────┬───────┬─────────┬──────┬─────────┬──────────┐
//	│ magic │ version │ status │ 0  │ bytes │ bytes   │ name │ payload │ checksum │
//	│       │         │        │    │ name  │ payload │      │         │ 8 bytes  │
//	└───────┴─────────┴────────┴────┴───────┴─────────┴──────┴─────────┴──────────┘
type hello struct {
	version uint16
	refused bool // the payload is the reason
	name    string
	payload []byte
}

const (
	magic         = "flottwir"
	helloFixBytes = 20
)

func (h hello) append(b []byte) []byte {
	start := len(b)
	b = append(b, magic...)
	b = binary.LittleEndian.AppendUint16(b, h.version)
	if h.refused {
		b = append(b, 1, 0)
	} else {
		b = append(b, 0, 0)
	}
	b = binary.LittleEndian.AppendUint32(b, uint32(len(h.name)))
	b = binary.LittleEndian.AppendUint32(b, uint32(len(h.payload)))
	b = append(append(b, h.name...), h.payload...)
	return binary.LittleEndian.AppendUint64(b, xxh3.Hash(b[start:]))
}

// readHello reads no byte more than the hello has: what follows are frames.
func readHello(r io.Reader) (hello, error) {
	b := make([]byte, len(magic), helloFixBytes)
	n, err := io.ReadFull(r, b)
	if looksLikeTLS(b[:n]) {
		return hello{}, errTLS
	}
	if !bytes.Equal(b[:n], []byte(magic[:n])) {
		return hello{}, fmt.Errorf("not a data connection of Flott: it begins with %q", b[:n])
	}
	if err != nil {
		return hello{}, err
	}
	b = b[:helloFixBytes]
	if _, err := io.ReadFull(r, b[len(magic):]); err != nil {
		return hello{}, unexpected(err)
	}
	h := hello{version: binary.LittleEndian.Uint16(b[8:]), refused: b[10] == 1}
	name, payload := binary.LittleEndian.Uint32(b[12:]), binary.LittleEndian.Uint32(b[16:])
	if name > nameBytesMax || payload > payloadBytesMax {
		return hello{}, damaged("handshake with a name of %d and a payload of %d bytes", name, payload)
	}
	b = append(b, make([]byte, name+payload+8)...)
	if _, err := io.ReadFull(r, b[helloFixBytes:]); err != nil {
		return hello{}, unexpected(err)
	}
	sum := len(b) - 8
	if xxh3.Hash(b[:sum]) != binary.LittleEndian.Uint64(b[sum:]) {
		return hello{}, damaged("checksum of the handshake")
	}
	h.name = string(b[helloFixBytes : helloFixBytes+name])
	h.payload = b[helloFixBytes+name : sum]
	return h, nil
}

// unexpected makes the end of a stream an error where something is missing.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// errTLS is what is wrong with a client that speaks TLS where this side does not.
var errTLS = errors.New("it speaks TLS, and this side does not (" + enabledOption + ")")

// ErrRefused is in the error of a handshake that one of the sides refused.
var ErrRefused = errors.New("connection refused")

// Client opens the connection on the side that dialed. It says who it is first. The net.Conn belongs
// to the connection from then on, also after an error.
func Client(nc net.Conn, o Options) (*Conn, error) { return open(nc, o, (*handshake).client) }

// Server opens the connection on the side that listened. It answers when it has checked the client.
func Server(nc net.Conn, o Options) (*Conn, error) { return open(nc, o, (*handshake).server) }

func open(nc net.Conn, o Options, shake func(*handshake) error) (*Conn, error) {
	if err := o.validate(); err != nil {
		nc.Close()
		return nil, err
	}
	s := handshake{nc: nc, o: o}
	nc.SetDeadline(time.Now().Add(o.HandshakeTimeout))
	if err := shake(&s); err != nil {
		nc.Close()
		return nil, &Error{Peer: s.peer(), Err: fmt.Errorf("handshake: %w", explained(err))}
	}
	nc.SetDeadline(time.Time{})
	return start(s.nc, o, s), nil
}

// handshake is the one of a connection. It has two steps: the client's hello and the server's, which
// may be a refusal that says why.
type handshake struct {
	nc   net.Conn
	o    Options
	them hello
}

func (s *handshake) client() error {
	if err := s.encrypt(tls.Client); err != nil {
		return err
	}
	if err := s.write(s.hello()); err != nil {
		return errors.Join(err, s.read()) // it may have said why it has hung up
	}
	if err := s.read(); err != nil {
		return err
	}
	if s.them.refused && string(s.them.payload) == errBusy.Error() {
		return fmt.Errorf("%w by it: %w", ErrRefused, errBusy)
	}
	if s.them.refused {
		return fmt.Errorf("%w by it: %s", ErrRefused, s.them.payload)
	}
	return refused(s.check())
}

func (s *handshake) server() error {
	if err := s.encrypt(tls.Server); err != nil {
		return err
	}
	if err := s.read(); errors.Is(err, errTLS) {
		return errors.Join(err, s.refuse(errTLS.Error()))
	} else if err != nil {
		return err
	}
	if err := s.check(); err != nil {
		return errors.Join(refused(err), s.refuse(err.Error()))
	}
	return s.write(s.hello())
}

// refuse tells the other side why there is no connection.
func (s *handshake) refuse(why string) error {
	no := s.hello()
	no.refused, no.payload = true, []byte(why[:min(len(why), payloadBytesMax)])
	return s.write(no)
}

func (s *handshake) hello() hello {
	return hello{version: s.o.version, name: s.o.Name, payload: s.o.Hello}
}

func (s *handshake) read() (err error) {
	s.them, err = readHello(s.nc)
	return err
}

func (s *handshake) write(h hello) error {
	_, err := s.nc.Write(h.append(nil))
	return err
}

func (s *handshake) check() error {
	ours, theirs := s.o.version, s.them.version
	if max(ours, theirs)-min(ours, theirs) > 1 {
		return fmt.Errorf("%s has protocol version %d, %s has %d; they may differ by one",
			s.o.Name, ours, s.them.name, theirs)
	}
	if s.o.Check == nil {
		return nil
	}
	return s.o.Check(s.them.name, s.them.payload)
}

func refused(err error) error {
	if err != nil {
		err = fmt.Errorf("%w: %w", ErrRefused, err)
	}
	return err
}

// peer names the other side as far as it is known.
func (s *handshake) peer() string {
	address := s.nc.RemoteAddr().String()
	if s.them.name == "" {
		return address
	}
	return fmt.Sprintf("%s (%s)", s.them.name, address)
}

package wire

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// PeersOptions configure the connections of a process with others. Up and Down are required, and the
// Name among the Options, which no other process has or had: one that starts again has another one.
type PeersOptions struct {
	// Options are those of each connection. With a TLS that checks the names of hosts and has no ServerName,
	// the host of the address that is dialed is taken for it.
	Options
	// Dial opens a net.Conn. Default: TCP.
	Dial func(ctx context.Context, address string) (net.Conn, error)
	// ConnectTimeout is how long Connect tries. Default 30 s.
	ConnectTimeout time.Duration
	// Up is called when there is a connection with a process, whichever of the two has dialed.
	Up func(*Conn)
	// Down is called when that connection has ended, after all its channels know, or when Connect has
	// failed. For one process, calls of Up and Down follow each other. Both may call anything here
	// but Close, and should not take long.
	Down func(name string, err error)
	// Rejected is called when somebody has dialed, and no connection came of it. Default nil: nobody hears
	// of it.
	Rejected func(error)
}

func (o *PeersOptions) validate() error {
	orDefault(&o.ConnectTimeout, 30*time.Second)
	if o.Dial == nil {
		o.Dial = func(ctx context.Context, address string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		}
	}
	if o.Rejected == nil {
		o.Rejected = func(error) {}
	}
	err := o.Options.validate()
	if o.Up == nil || o.Down == nil {
		err = errors.Join(err, errors.New("wire: Up and Down are required"))
	}
	if o.ConnectTimeout < 0 {
		err = errors.Join(err, fmt.Errorf("wire: ConnectTimeout is %v", o.ConnectTimeout))
	}
	return err
}

// Peers has the connections of a process: one with each other process that either of them wanted.
//
// Both may dial at once. Then the one whose name is smaller refuses the other's call, which waits for its
// own to be answered:
//
//	a dials ────▶ b     b dials as well, and takes the call all the same
//	a ◀──── b dials     a, which dials, says that it is busy; b waits, and tries again if nothing comes
type Peers struct {
	o      PeersOptions
	l      net.Listener
	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	runs   sync.WaitGroup
	shakes chan struct{} // has an item for each handshake of who dialed

	mu struct {
		sync.Mutex
		closed bool
		peers  map[string]*peer
	}
}

// peer is what is known of another process.
type peer struct {
	state     *state        // nil: no connection, and Down has been called for the last one
	wanted    bool          // a goroutine tries to connect
	dialing   bool          // and has dialed
	accepting bool          // it has dialed, and the handshake is nearly over
	changed   chan struct{} // has an item when one of these may have changed
}

// state is that of a process as Up and Down tell it: from before the one is called until the other one
// has returned. The next state waits for that.
type state struct {
	c    *Conn         // nil: none could be made, and Down tells so
	told chan struct{} // closed behind Down
}

var (
	// errBusy refuses a call. Its text is part of the protocol.
	errBusy = errors.New("busy: there is a connection, or one is being made")
	// errReplaced is the cause where the other side has given up a connection, and dialed anew.
	errReplaced = errors.New("replaced by a new connection")
)

// handshakesMax is how many of those that dial are dealt with at a time: the others wait.
const handshakesMax = 128

// NewPeers takes connections from a listener, which it closes in the end, and makes those that are asked
// for by Connect.
func NewPeers(l net.Listener, o PeersOptions) (*Peers, error) {
	if err := o.validate(); err != nil {
		l.Close()
		return nil, err
	}
	p := &Peers{o: o, l: l, shakes: make(chan struct{}, handshakesMax)}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	p.mu.peers = map[string]*peer{}
	p.runs.Go(p.listen)
	return p, nil
}

// Connect returns the connection with a process, or nil and has it made: then Up or Down is called, unless
// Close was.
func (p *Peers) Connect(name, address string) *Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.mu.closed {
		return nil
	}
	pr := p.peerLocked(name)
	if c := pr.aliveLocked(); c != nil {
		return c
	}
	if !pr.wanted {
		pr.wanted = true
		p.runs.Go(func() { p.connect(name, address, pr) })
	}
	return nil
}

// Conn returns the connection with a process, nil for none.
func (p *Peers) Conn(name string) *Conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if pr := p.mu.peers[name]; pr != nil {
		return pr.aliveLocked()
	}
	return nil
}

// Close closes all connections in good order, as Conn.Close does, and ends what is being made. Down is
// called for all of them before it returns. The error joins those of the connections.
func (p *Peers) Close(ctx context.Context) error {
	p.mu.Lock()
	p.mu.closed = true
	var conns []*Conn
	for _, pr := range p.mu.peers {
		if c := pr.aliveLocked(); c != nil {
			conns = append(conns, c)
		}
	}
	p.mu.Unlock()
	p.cancel()
	p.l.Close()
	errs := make([]error, len(conns))
	var closing sync.WaitGroup
	for i, c := range conns {
		closing.Go(func() { errs[i] = c.Close(ctx) })
	}
	closing.Wait()
	p.runs.Wait()
	return errors.Join(errs...)
}

func (p *Peers) peerLocked(name string) *peer {
	pr := p.mu.peers[name]
	if pr == nil {
		pr = &peer{changed: make(chan struct{}, 1)}
		p.mu.peers[name] = pr
	}
	return pr
}

func (pr *peer) aliveLocked() *Conn {
	if s := pr.state; s != nil && s.c != nil && s.c.Err() == nil {
		return s.c
	}
	return nil
}

// change notes a change of a peer, and forgets it if nothing is left of it.
func (p *Peers) change(name string, pr *peer, how func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	how()
	select {
	case pr.changed <- struct{}{}:
	default:
	}
	if *pr == (peer{changed: pr.changed}) && p.mu.peers[name] == pr {
		delete(p.mu.peers, name)
	}
}

// The time between two tries, while the other side says that it is busy.
const (
	retryMin = 20 * time.Millisecond
	retryMax = time.Second
)

// connect tries until there is a connection with a process, whoever has made it.
func (p *Peers) connect(name, address string, pr *peer) {
	ctx, cancel := context.WithTimeout(p.ctx, p.o.ConnectTimeout)
	defer cancel()
	for wait := retryMin; ; wait = min(2*wait, retryMax) {
		c, err := p.try(ctx, name, address, pr)
		switch {
		case c != nil:
			p.serve(name, pr, c, func() { pr.wanted, pr.dialing = false, false })
			return
		case err == nil: // there is one
			p.change(name, pr, func() { pr.wanted = false })
			return
		case !errors.Is(err, errBusy) && p.giveUp(name, pr, err):
			return
		}
		over := ctx.Done()
		if ctx.Err() != nil {
			over = nil // only a call that has come is waited for
		}
		select {
		case <-time.After(wait):
		case <-pr.changed:
		case <-over:
		}
	}
}

// try dials, unless that is not needed. While it says that the other side is busy, there may be a
// connection soon.
func (p *Peers) try(ctx context.Context, name, address string, pr *peer) (*Conn, error) {
	p.mu.Lock()
	switch {
	case pr.aliveLocked() != nil:
		p.mu.Unlock()
		return nil, nil
	case pr.accepting:
		p.mu.Unlock()
		return nil, errBusy
	case ctx.Err() != nil:
		p.mu.Unlock()
		return nil, &Error{Peer: name + " (" + address + ")", Err: context.Cause(ctx)}
	}
	pr.dialing = true
	p.mu.Unlock()
	c, err := p.dial(ctx, name, address)
	if err != nil {
		p.change(name, pr, func() { pr.dialing = false })
	}
	return c, err // dialing, until it is registered
}

// giveUp calls Down, unless the other side has dialed meanwhile.
func (p *Peers) giveUp(name string, pr *peer, err error) bool {
	s := &state{told: make(chan struct{})}
	var old *state
	p.change(name, pr, func() {
		if pr.accepting || pr.aliveLocked() != nil {
			s = nil
			return
		}
		pr.wanted = false
		old, pr.state = pr.state, s
	})
	if s == nil {
		return false
	}
	old.wait()
	p.down(name, pr, s, err)
	return true
}

// down calls Down and ends a state.
func (p *Peers) down(name string, pr *peer, s *state, err error) {
	p.o.Down(name, err)
	close(s.told)
	p.change(name, pr, func() {
		if pr.state == s {
			pr.state = nil
		}
	})
}

// wait waits until Down was called for a state, whose connection is of no use any more.
func (s *state) wait() {
	if s == nil {
		return
	}
	if s.c != nil {
		s.c.Abort(errReplaced)
	}
	<-s.told
}

func (p *Peers) dial(ctx context.Context, name, address string) (*Conn, error) {
	nc, err := p.o.Dial(ctx, address)
	if err != nil {
		return nil, &Error{Peer: name + " (" + address + ")", Err: err}
	}
	defer context.AfterFunc(ctx, func() { nc.Close() })()
	o := p.o.Options
	o.TLS = p.clientTLS(address)
	o.Check = func(there string, hello []byte) error {
		if there != name {
			return fmt.Errorf("%s is at %s, not %s", there, address, name)
		}
		if p.o.Check != nil {
			return p.o.Check(there, hello)
		}
		return nil
	}
	c, err := Client(nc, o)
	if err != nil && ctx.Err() != nil {
		err = &Error{Peer: name + " (" + address + ")", Err: context.Cause(ctx)}
	}
	return c, err
}

func (p *Peers) clientTLS(address string) *tls.Config {
	if p.o.TLS == nil || p.o.TLS.ServerName != "" || p.o.TLS.InsecureSkipVerify {
		return p.o.TLS
	}
	c := p.o.TLS.Clone()
	c.ServerName = address
	if host, _, err := net.SplitHostPort(address); err == nil {
		c.ServerName = host
	}
	return c
}

// listen takes connections until the listener is closed.
func (p *Peers) listen() {
	for wait := retryMin; ; {
		nc, err := p.l.Accept()
		switch {
		case err == nil:
			wait = retryMin
			p.shakes <- struct{}{}
			p.runs.Go(func() { p.accept(nc) })
			continue
		case p.ctx.Err() != nil:
			return
		}
		p.o.Rejected(fmt.Errorf("accept: %w", err))
		select {
		case <-time.After(wait):
		case <-p.ctx.Done():
		}
		wait = min(2*wait, retryMax)
	}
}

// accept shakes hands with who has dialed.
func (p *Peers) accept(nc net.Conn) {
	stop := context.AfterFunc(p.ctx, func() { nc.Close() })
	var name string
	var pr *peer
	o := p.o.Options
	o.Check = func(there string, hello []byte) (err error) {
		if p.o.Check != nil {
			if err := p.o.Check(there, hello); err != nil {
				return err
			}
		}
		name = there
		pr, err = p.admit(there)
		return err
	}
	c, err := Server(nc, o)
	<-p.shakes
	if err == nil && !stop() {
		c.Abort(ErrClosed)
	}
	switch {
	case err == nil:
		p.serve(name, pr, c, func() { pr.accepting = false })
		return
	case pr != nil:
		p.change(name, pr, func() { pr.accepting = false })
	}
	stop()
	if !errors.Is(err, errBusy) && p.ctx.Err() == nil {
		p.o.Rejected(err)
	}
}

// admit decides whether a process that has dialed gets a connection.
func (p *Peers) admit(name string) (*peer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	pr := p.mu.peers[name]
	switch {
	case p.mu.closed:
		return nil, ErrClosed
	case name == p.o.Name:
		return nil, fmt.Errorf("%s has dialed itself", name)
	case pr == nil:
		pr = p.peerLocked(name)
	case pr.aliveLocked() != nil, pr.accepting, pr.dialing && p.o.Name < name:
		return nil, errBusy
	}
	pr.accepting = true
	return pr, nil
}

// serve registers a connection, calls Up, waits for its end, and calls Down. how is what changes with it.
func (p *Peers) serve(name string, pr *peer, c *Conn, how func()) {
	s := &state{c: c, told: make(chan struct{})}
	var old *state
	closed := false
	p.change(name, pr, func() {
		how()
		old, pr.state = pr.state, s
		closed = p.mu.closed
	})
	if closed {
		c.Abort(ErrClosed)
	}
	old.wait()
	p.o.Up(c)
	<-c.Done()
	p.down(name, pr, s, c.Err())
}

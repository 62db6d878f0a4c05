package hdfs

import (
	"context"
	"net"
	"sync/atomic"
	"time"
)

// idleMax is how long a call to a server may take without progress.
const idleMax = time.Minute

var dialer = net.Dialer{Timeout: 10 * time.Second}

// conn is a connection whose calls end after idleMax.
type conn struct{ net.Conn }

func dialNameNode(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return conn{c}, nil
}

func (c conn) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(idleMax)); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

func (c conn) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(idleMax)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// SetDeadline does nothing: the client sets none, over those of conn.
func (conn) SetDeadline(time.Time) error { return nil }

// dataConn is a connection to a DataNode. Its writes do not fail, but its reads do instead: the client ends the goroutine
// that reads acknowledgements, and looks what that has found, only if it has written all.
type dataConn struct {
	conn
	broken atomic.Pointer[error]
}

func dialDataNode(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return &dataConn{conn: conn{c}}, nil
}

func (c *dataConn) Write(b []byte) (int, error) {
	if c.broken.Load() == nil {
		if _, err := c.conn.Write(b); err != nil {
			c.broken.CompareAndSwap(nil, &err)
			_ = c.conn.Close()
		}
	}
	return len(b), nil
}

func (c *dataConn) Read(b []byte) (int, error) {
	n, err := c.conn.Read(b)
	if broken := c.broken.Load(); err != nil && broken != nil {
		err = *broken
	}
	return n, err
}

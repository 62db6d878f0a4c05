package postgrescdc

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// replication is a connection over which the log comes.
type replication struct {
	conn     *pgconn.PgConn
	stop     func() bool // ends waiting for the context's end
	reported time.Time   // when the server was told how far we are
	isLate   bool        // the deadline that is set has passed
}

// statusInterval is how often the server is told how far we are, at least.
const statusInterval = time.Second

// startReplication has the log come from a position on; 0 is where the slot is.
func startReplication(ctx context.Context, c *config, from uint64) (*replication, error) {
	p, err := c.connection(true)
	if err != nil {
		return nil, err
	}
	conn, err := pgconn.ConnectConfig(ctx, p)
	if err != nil {
		return nil, err
	}
	r := &replication{conn: conn}
	text := fmt.Sprintf(`START_REPLICATION SLOT "%s" LOGICAL %s (proto_version '1', publication_names '%s')`, c.Slot, lsnText(from), quoteText(`"`+c.Publication+`"`))
	conn.Frontend().Send(&pgproto3.Query{String: text})
	if err := conn.Frontend().Flush(); err != nil {
		r.close()
		return nil, err
	}
	// Nothing but the deadline of the connection ends what is received from now on.
	r.stop = context.AfterFunc(ctx, func() { _ = conn.Conn().SetDeadline(time.Unix(1, 0)) })
	for {
		m, err := conn.Frontend().Receive()
		if err != nil {
			r.close()
			return nil, err
		}
		switch m := m.(type) {
		case *pgproto3.CopyBothResponse:
			return r, nil
		case *pgproto3.ErrorResponse:
			r.close()
			return nil, pgconn.ErrorResponseToPgError(m)
		}
	}
}

// received is what has come: a message of pgoutput, or none. end is how far the log is read where nothing is left out.
type received struct {
	message []byte // valid until the next one is received
	end     uint64 // of a keepalive; 0 of a message
	asks    bool   // the server wants to be told how far we are
}

var errEnded = errors.New("the server has ended the replication")

// receive waits for a message until a deadline; ok is false if none has come until then.
func (r *replication) receive(ctx context.Context, deadline time.Time) (m received, ok bool, err error) {
	if r.isLate || r.conn.Frontend().ReadBufferLen() == 0 {
		if err := r.conn.Conn().SetReadDeadline(deadline); err != nil {
			return m, false, err
		}
		r.isLate = false
	}
	if err := ctx.Err(); err != nil { // the deadline of that may have been overwritten
		return m, false, err
	}
	got, err := r.conn.Frontend().Receive()
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		r.isLate = true
		return m, false, ctx.Err()
	}
	if err != nil {
		return m, false, err
	}
	switch got := got.(type) {
	case *pgproto3.CopyData:
		m, err = parseCopyData(got.Data)
		return m, err == nil, err
	case *pgproto3.ErrorResponse:
		return m, false, pgconn.ErrorResponseToPgError(got)
	case *pgproto3.CopyDone, *pgproto3.CommandComplete:
		return m, false, errEnded
	}
	return m, true, nil
}

func parseCopyData(b []byte) (m received, err error) {
	c := cursor{b: b}
	switch c.byte() {
	case 'w': // start and end of the log, time, message
		c.take(24)
		m.message = c.b
	case 'k':
		m.end = c.uint(8)
		c.uint(8)
		m.asks = c.byte() != 0
	}
	return m, c.err()
}

// report tells the server that the log is not needed any more before a position.
func (r *replication) report(confirmed uint64) error {
	r.reported = time.Now()
	b := []byte{'r'}
	for range 3 { // written, flushed, applied
		b = binary.BigEndian.AppendUint64(b, confirmed)
	}
	b = binary.BigEndian.AppendUint64(b, uint64(r.reported.UnixMicro()-epochMicros))
	r.conn.Frontend().Send(&pgproto3.CopyData{Data: append(b, 0)})
	return r.conn.Frontend().Flush()
}

func (r *replication) close() {
	if r.stop != nil {
		r.stop()
	}
	_ = r.conn.Conn().SetDeadline(time.Now().Add(closeTimeout))
	closeConn(r.conn)
}

// closeTimeout is how long a server may take to end a connection.
const closeTimeout = time.Second

func closeConn(c *pgconn.PgConn) {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	_ = c.Close(ctx)
	<-c.CleanupDone()
}

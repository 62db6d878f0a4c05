package postgrescdc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/flott-dev/flott/internal/postgres"
)

// change is a row that was read, or its change in the log.
type change struct {
	relation *relation
	kind     byte // kindInsert, kindUpdate or kindDelete
	oldKind  byte
	old, new []byte // tuples; nil where there is none
	micros   int64  // the time of the transaction since 1970; 0 of a row that was read
	lsn      uint64 // the position behind it in the log
	skip     int
}

// batch is changes one after the other.
type batch struct {
	table         string // of which a chunk was read; "" of changes of the log
	key           []int  // the places of its primary key
	changes       []change
	before, after *state
	err           error
	opened        time.Time
	memory        []byte // where tuples are put
}

// block is how much memory is taken at a time.
const block = 64 << 10

// room makes room for a tuple.
func (b *batch) room(n int) {
	if cap(b.memory)-len(b.memory) < n {
		b.memory = make([]byte, 0, max(n, block))
	}
}

// keep copies a tuple.
func (b *batch) keep(tuple []byte) []byte {
	if tuple == nil {
		return nil
	}
	b.room(len(tuple))
	from := len(b.memory)
	b.memory = append(b.memory, tuple...)
	return b.memory[from:len(b.memory):len(b.memory)]
}

// The bounds of a batch.
const (
	batchRows = 1024
	batchTime = 10 * time.Millisecond
)

// runner reads tables and the log on a goroutine of its own, ahead of who polls.
type runner struct {
	cfg       *config
	check     func(*relation) error // of the columns of a table
	ready     chan *batch
	wake      func()
	confirmed atomic.Uint64 // what the log is not needed before

	st        *state // behind what was read last
	marked    time.Time
	open      *batch // that is filled, nil while there is none
	sent      time.Time
	isDirty   bool // st has changed without a row
	sql       *pgconn.PgConn
	log       *replication
	relations map[uint32]*relation
	infos     map[string]*tableInfo

	tx     begin
	isInTx bool
	count  int      // changes of the transaction
	resume int      // of which so many were read before
	todo   string   // the first table of which there is more to read, "" if there is none
	seen   snapshot // of st.Chunk
}

// permanent is an error that does not pass.
type permanent struct{ error }

func (p permanent) Unwrap() error { return p.error }

// run reads until ctx is done.
func (r *runner) run(ctx context.Context) {
	for failures := 0; ; {
		was := r.st.clone()
		err := r.session(ctx)
		var p permanent
		switch {
		case ctx.Err() != nil:
			return
		case r.st.LSN != was.LSN || r.st.Skip != was.Skip || r.st.next() != was.next():
			failures = 0
		}
		if failures++; errors.As(err, &p) || !postgres.Passes(err) || failures > max(0, r.cfg.MaxRetries) {
			r.send(ctx, &batch{err: fmt.Errorf("postgrescdc: %s: %w", r.cfg.where, err)})
			return
		}
		slog.WarnContext(ctx, "flott: postgrescdc: reading has failed and goes on with another connection", "database", r.cfg.where, "cause", err)
		if sleep(ctx, pause<<failures) != nil {
			return
		}
	}
}

const (
	pause     = 20 * time.Millisecond
	slotInUse = "55006" // the code of that error
)

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// session reads as long as the connections last.
func (r *runner) session(ctx context.Context) (err error) {
	if err := r.flush(ctx); err != nil { // of the session before
		return err
	}
	if r.sql, err = r.connect(ctx); err != nil {
		return err
	}
	defer closeConn(r.sql)
	r.relations, r.infos = map[uint32]*relation{}, map[string]*tableInfo{}
	r.isInTx, r.resume = false, r.st.Skip
	if err := r.prepare(ctx); err != nil {
		return err
	}
	if err := r.follow(ctx); err != nil {
		return err
	}
	defer r.log.close()
	if c := r.st.Chunk; c != nil {
		if r.seen, err = parseSnapshot(c.Snapshot); err != nil {
			return permanent{err}
		}
		if err := r.mark(ctx); err != nil {
			return err
		}
	}
	for {
		if r.todo != "" && r.st.Chunk == nil && !r.isInTx {
			if err := r.readChunk(ctx, r.todo); err != nil {
				return err
			}
		}
		if err := r.step(ctx); err != nil {
			return err
		}
	}
}

// follow has the log come. The connection before may hold the slot until the server has found out that it is gone.
func (r *runner) follow(ctx context.Context) (err error) {
	for began := time.Now(); ; {
		r.log, err = startReplication(ctx, r.cfg, r.st.LSN)
		if postgres.Code(err) != slotInUse {
			return err
		}
		if time.Since(began) >= r.cfg.Timeout {
			return permanent{fmt.Errorf("the slot %s is used by another job, or by a connection that the server has not given up yet ('slot.name'): %w", r.cfg.Slot, err)}
		}
		if err := sleep(ctx, pause); err != nil {
			return err
		}
	}
}

// connect opens the connection for queries. A server that is away is waited for.
func (r *runner) connect(ctx context.Context) (*pgconn.PgConn, error) {
	p, err := r.cfg.connection(false)
	if err != nil {
		return nil, permanent{err}
	}
	isTold := false
	for began := time.Now(); ; {
		c, err := pgconn.ConnectConfig(ctx, p)
		switch {
		case err == nil:
			return c, nil
		case ctx.Err() != nil:
			return nil, ctx.Err()
		case postgres.Refused(err):
			return nil, permanent{fmt.Errorf("it does not let in; see 'database-name', 'username' and 'password': %w", err)}
		case !postgres.Passes(err):
			return nil, permanent{err}
		case time.Since(began) >= r.cfg.Timeout:
			return nil, permanent{fmt.Errorf("it is away since %s, which is as long as 'connect.timeout' waits; see 'hostname' and 'port': %w", r.cfg.Timeout, err)}
		}
		if !isTold {
			isTold = true
			slog.WarnContext(ctx, "flott: postgrescdc: the database is away and waited for", "database", r.cfg.where, "at most", r.cfg.Timeout, "cause", err)
		}
		if err := sleep(ctx, 2*pause); err != nil {
			return nil, err
		}
	}
}

// step receives a message, or sends what there is when none comes.
func (r *runner) step(ctx context.Context) error {
	deadline := time.Now().Add(statusInterval)
	if r.open != nil {
		deadline = r.open.opened.Add(batchTime)
	}
	m, ok, err := r.log.receive(ctx, deadline)
	if err != nil {
		return err
	}
	switch {
	case !ok:
		if err = r.flush(ctx); err == nil && r.st.Chunk != nil && !r.isInTx && time.Since(r.marked) >= statusInterval {
			err = r.mark(ctx) // what was written before may be lost in a crash of the server
		}
	case m.message != nil:
		err = r.message(ctx, m.message)
	case m.end > r.st.LSN && !r.isInTx:
		// All before was read, and is of other tables.
		r.st.LSN, r.isDirty = m.end, true
		r.reached()
	}
	if err == nil && r.isDirty && r.open == nil && time.Since(r.sent) >= statusInterval {
		err = r.sendState(ctx)
	}
	if err == nil && (m.asks || time.Since(r.log.reported) >= statusInterval) {
		err = r.log.report(r.confirmed.Load())
	}
	return err
}

// reached forgets the chunk when the log has come behind its snapshot.
func (r *runner) reached() {
	if c := r.st.Chunk; c != nil && r.st.LSN >= c.Until {
		r.st.Chunk, r.isDirty = nil, true
	}
}

// start opens a batch: of a chunk of a table, or of the log.
func (r *runner) start(table string) {
	r.open = &batch{table: table, before: r.st.clone(), opened: time.Now(), changes: make([]change, 0, batchRows)}
}

// flush sends the open batch.
func (r *runner) flush(ctx context.Context) error {
	if r.open == nil {
		return nil
	}
	b := r.open
	b.after = r.st.clone()
	r.open = nil
	return r.send(ctx, b)
}

// sendState sends how far the log is read where there are no rows.
func (r *runner) sendState(ctx context.Context) error {
	return r.send(ctx, &batch{after: r.st.clone()})
}

// send hands a batch over, and keeps the connection alive while nobody takes it.
func (r *runner) send(ctx context.Context, b *batch) error {
	r.sent, r.isDirty = time.Now(), false
	for {
		t := time.NewTimer(5 * statusInterval)
		select {
		case r.ready <- b:
			t.Stop()
			r.wake()
			return nil
		case <-ctx.Done():
			t.Stop()
			return ctx.Err()
		case <-t.C:
			if r.log != nil && b.err == nil {
				_ = r.log.report(r.confirmed.Load()) // reading finds out if it is gone
			}
		}
	}
}

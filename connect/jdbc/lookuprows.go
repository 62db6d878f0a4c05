package jdbc

import (
	"container/list"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"sync"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/valuetext"
	"github.com/flott-dev/flott/row"
)

// LookupOptions say what is looked up. Table and Key are needed.
type LookupOptions struct {
	Connection
	// Table is the table, or view, whose rows are looked up by the values of the columns Key.
	Table string
	Key   []string
	// Columns are those that are read; nil is all of them.
	Columns []string
	// Connections is how many keys are asked for at once at most, each over a connection of its own. Zero means 4.
	Connections int
	// MaxRetries is how often what fails for a cause that may pass, as the loss of a connection, is tried again. Zero means 3 times, a
	// negative number never.
	MaxRetries int
	// CacheRows is how many of the rows that were looked up are kept; a key without rows counts as one. Those that were used last stay. Zero
	// keeps none.
	CacheRows int
	// CacheTTL is how long they are kept at most. Zero means for ever.
	CacheTTL time.Duration
}

const defaultConnections = 4

// Lookup looks up rows of a table by the values of columns, as of now: for a function of stream.Async. Any number of goroutines use it.
type Lookup[T any] struct {
	o      LookupOptions
	decode func(values []any) (T, error)
	turns  chan struct{} // a place for each connection
	now    func() time.Time

	mu     sync.Mutex
	idle   []*lookup
	closed bool
	cache  cache[T]
}

// NewLookup checks the options; it connects when it is first used. decode makes values of rows, whose values are those of Source; several
// goroutines call it.
func NewLookup[T any](o LookupOptions, decode func(values []any) (T, error)) (*Lookup[T], error) {
	var errs []error
	if o.Table == "" || len(o.Key) == 0 {
		errs = append(errs, errors.New("jdbc: a table, or the columns of the key, are missing: what is looked up"))
	}
	if o.CacheRows < 0 || o.CacheTTL < 0 || o.Connections < 0 {
		errs = append(errs, errors.New("jdbc: Connections, CacheRows and CacheTTL are not negative"))
	}
	if _, err := newLink(&o.Connection); err != nil {
		errs = append(errs, err)
	}
	orDefault(&o.Connections, defaultConnections)
	orDefault(&o.MaxRetries, defaultMaxRetries)
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return &Lookup[T]{
		o: o, decode: decode, turns: make(chan struct{}, o.Connections), now: time.Now,
		cache: cache[T]{most: o.CacheRows, ttl: o.CacheTTL, at: map[string]*list.Element{}},
	}, nil
}

// Rows are the rows that have the values of a key: integers, floats, strings (also of numerics, and of what Source gives as texts), bools,
// []byte, time.Time for dates and timestamps, or time.Duration for times of day. No row has nil. What the rows refer to may be in the cache, and
// must not be changed. The error of decode is a *Bad.
func (l *Lookup[T]) Rows(ctx context.Context, key ...any) ([]T, error) {
	if len(key) != len(l.o.Key) {
		return nil, fmt.Errorf("jdbc: the key of table %s has the columns %v, not %d values", l.o.Table, l.o.Key, len(key))
	}
	text := ""
	if l.o.CacheRows > 0 {
		text = keyText(key)
		l.mu.Lock()
		rows, ok := l.cache.get(text, l.now())
		l.mu.Unlock()
		if ok {
			return rows, nil
		}
	}
	asked := l.now()
	rows, err := l.ask(ctx, key)
	if err == nil && l.o.CacheRows > 0 {
		l.mu.Lock()
		l.cache.put(text, rows, asked)
		l.mu.Unlock()
	}
	return rows, err
}

// Close disconnects; lookups that are under way end first.
func (l *Lookup[T]) Close() error {
	for range cap(l.turns) {
		l.turns <- struct{}{}
	}
	l.mu.Lock()
	l.closed = true
	for _, one := range l.idle {
		one.link.close()
	}
	l.idle = nil
	l.mu.Unlock()
	for range cap(l.turns) {
		<-l.turns
	}
	return nil
}

// ask asks the database.
func (l *Lookup[T]) ask(ctx context.Context, key []any) ([]T, error) {
	select {
	case l.turns <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-l.turns }()
	one, err := l.take()
	if err != nil {
		return nil, err
	}
	defer l.giveBack(one)
	if err := one.describe(ctx, &l.o); err != nil {
		return nil, err
	}
	keys, ok, err := vectorsOf(one.keys, key)
	if err != nil || !ok {
		return nil, err
	}
	out := column.NewBatch(&row.Schema{Fields: one.wanted})
	n, err := one.look(ctx, l.o.MaxRetries, keys, 0, out.Cols)
	if err != nil {
		return nil, err
	}
	rows, values := make([]T, 0, n), make([]any, len(out.Cols))
	for i := range n {
		for c, v := range out.Cols {
			values[c] = value(v, i)
		}
		v, err := l.decode(values)
		if err != nil {
			return nil, &Bad{Table: l.o.Table, Values: values, Err: err}
		}
		rows = append(rows, v)
	}
	return rows, nil
}

// take is the connection that was used last, or a new one.
func (l *Lookup[T]) take() (*lookup, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, fmt.Errorf("jdbc: the lookup in table %s is closed", l.o.Table)
	}
	if n := len(l.idle); n > 0 {
		one := l.idle[n-1]
		l.idle = l.idle[:n-1]
		return one, nil
	}
	link, err := newLink(&l.o.Connection)
	return &lookup{link: link, table: l.o.Table}, err
}

func (l *Lookup[T]) giveBack(one *lookup) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.idle = append(l.idle, one)
}

// describe finds out what the columns are.
func (l *lookup) describe(ctx context.Context, o *LookupOptions) error {
	if l.keys != nil {
		return nil
	}
	return l.link.do(ctx, o.MaxRetries, func(s session) error {
		all, _, err := s.columns(ctx, o.Table)
		if err != nil {
			return err
		}
		if l.wanted, err = named(all, o.Table, o.Columns); err == nil {
			l.keys, err = named(all, o.Table, o.Key)
		}
		return err
	})
}

// vectorsOf are the values of a key as columns have them. It reports false if no row can have them.
func vectorsOf(fields []row.Field, key []any) (keys []*column.Vector, ok bool, err error) {
	for i, f := range fields {
		v := column.New(f.Type)
		ok, err := appendKey(v, key[i])
		if err != nil {
			return nil, false, fmt.Errorf("jdbc: the column %s of the key: %w", f.Name, err)
		}
		if !ok {
			return nil, false, nil
		}
		keys = append(keys, v)
	}
	return keys, true, nil
}

// appendKey appends a value to a vector. It reports false if no row can have it.
func appendKey(v *column.Vector, key any) (ok bool, err error) {
	if key == nil {
		return false, nil
	}
	var number []byte // the text of a number
	switch k := key.(type) {
	case bool:
		if v.Type.Kind == row.Boolean {
			v.AppendBool(k)
			return true, nil
		}
	case int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64:
		number = fmt.Append(nil, k)
	case float32:
		number = strconv.AppendFloat(nil, float64(k), 'f', -1, 32)
	case float64:
		number = strconv.AppendFloat(nil, k, 'f', -1, 64)
	case string:
		if v.Type.IsText() {
			v.AppendString(k)
			return true, nil
		}
		number = []byte(k)
	case []byte:
		if v.Type.Kind == row.Binary || v.Type.Kind == row.Varbinary {
			v.AppendBytes(k)
			return true, nil
		}
	case time.Time:
		switch v.Type.Kind {
		case row.Date:
			v.AppendI32(int32(k.UTC().Truncate(24*time.Hour).Unix() / 86400))
			return true, nil
		case row.Timestamp, row.TimestampLTZ:
			v.AppendTimestamp(k.UnixMicro(), int32(k.Nanosecond()%1000))
			return true, nil
		}
	case time.Duration:
		if v.Type.Kind == row.Time {
			v.AppendI32(int32(k.Milliseconds()))
			return true, nil
		}
	}
	if number == nil || !v.Type.IsNumeric() {
		return false, fmt.Errorf("a value of the type %T is not one of %s", key, v.Type.SQL())
	}
	return appendNumber(v, number), nil
}

// appendNumber appends a number, if there is such a one of the type.
func appendNumber(v *column.Vector, text []byte) bool {
	switch v.Type.Kind {
	case row.Float, row.Double:
		f, ok := valuetext.Float(text, 64)
		if ok && v.Type.Kind == row.Float {
			v.AppendF32(float32(f))
		} else if ok {
			v.AppendF64(f)
		}
		return ok
	case row.Decimal:
		d, null, ok := valuetext.Decimal(text, v.Type.Precision, v.Type.Scale)
		if !ok || null {
			return false
		}
		v.AppendDecimal(d)
		exact, isExact := new(big.Rat).SetString(string(valuetext.AppendExact(nil, d, v.Type.Scale)))
		wanted, isWanted := new(big.Rat).SetString(string(text))
		return isExact && isWanted && exact.Cmp(wanted) == 0 // not rounded
	}
	n, ok := valuetext.Int(text, 64)
	return ok && appendWhole(v, v.Type, n)
}

// keyText is a text that keys with other values do not have.
func keyText(key []any) string {
	var text []byte
	for _, k := range key {
		var one []byte
		if t, ok := k.(time.Time); ok {
			one = t.UTC().AppendFormat(nil, time.RFC3339Nano)
		} else {
			one = fmt.Appendf(nil, "%T %v", k, k)
		}
		text = append(binary.AppendUvarint(text, uint64(len(one))), one...)
	}
	return string(text)
}

// cache has the rows that were looked up last.
type cache[T any] struct {
	most   int
	ttl    time.Duration
	at     map[string]*list.Element // by key
	recent list.List                // of *cached[T], the last used first
	held   int                      // rows
}

type cached[T any] struct {
	key   string
	rows  []T
	asked time.Time
}

// size is how many rows it counts as.
func (c *cached[T]) size() int { return max(1, len(c.rows)) }

func (c *cache[T]) get(key string, now time.Time) (rows []T, ok bool) {
	e := c.at[key]
	if e == nil {
		return nil, false
	}
	one := e.Value.(*cached[T])
	if c.ttl > 0 && now.Sub(one.asked) >= c.ttl {
		c.drop(e)
		return nil, false
	}
	c.recent.MoveToFront(e)
	return one.rows, true
}

// put keeps rows that were asked for at a time.
func (c *cache[T]) put(key string, rows []T, asked time.Time) {
	if e := c.at[key]; e != nil {
		c.drop(e)
	}
	one := &cached[T]{key, rows, asked}
	c.at[key] = c.recent.PushFront(one)
	c.held += one.size()
	for c.held > c.most {
		c.drop(c.recent.Back())
	}
}

func (c *cache[T]) drop(e *list.Element) {
	one := c.recent.Remove(e).(*cached[T])
	delete(c.at, one.key)
	c.held -= one.size()
}

package postgrescdc

import (
	"bytes"
	"encoding/binary"
	"errors"
	"time"
)

// The messages of pgoutput, version 1, of which each begins with its kind. A transaction is one begin, changes, and one commit; before the first
// change of a table, and after the table has changed, comes its relation.
const (
	kindBegin    = 'B'
	kindCommit   = 'C'
	kindRelation = 'R'
	kindInsert   = 'I'
	kindUpdate   = 'U'
	kindDelete   = 'D'
	kindTruncate = 'T'
)

// The values of a tuple, by their first byte.
const (
	valueNull      = 'n'
	valueUnchanged = 'u' // it lies outside of the row, and was not read
	valueText      = 't'
)

var errMessage = errors.New("a message of the replication is broken")

// relation is a table as changes have it.
type relation struct {
	id           uint32
	schema, name string
	// identity says what is told of rows as they were: d the primary key, f all of them, n nothing, i an index.
	identity byte
	columns  []relationColumn
}

type relationColumn struct {
	name  string
	oid   uint32
	isKey bool // of the identity
}

func (r *relation) String() string { return r.schema + "." + r.name }

// cursor reads a message. After an error all that it reads is zero.
type cursor struct {
	b      []byte
	broken bool
}

func (c *cursor) take(n int) []byte {
	if n < 0 || n > len(c.b) {
		c.b, c.broken = nil, true
		return nil
	}
	item := c.b[:n:n]
	c.b = c.b[n:]
	return item
}

func (c *cursor) uint(n int) (v uint64) {
	for _, x := range c.take(n) {
		v = v<<8 | uint64(x)
	}
	return v
}

func (c *cursor) byte() byte { return byte(c.uint(1)) }

func (c *cursor) text() string {
	i := bytes.IndexByte(c.b, 0)
	if i < 0 {
		c.b, c.broken = nil, true
		return ""
	}
	s := string(c.take(i))
	c.take(1)
	return s
}

// tuple is the values of a row as they are in a message: how many, then each with its kind and, of a text, length and text.
func (c *cursor) tuple() []byte {
	all := c.b
	for range c.uint(2) {
		switch c.byte() {
		case valueNull, valueUnchanged:
		case valueText:
			c.take(int(int32(c.uint(4))))
		default:
			c.broken = true
		}
		if c.broken {
			return nil
		}
	}
	return all[: len(all)-len(c.b) : len(all)-len(c.b)]
}

func (c *cursor) err() error {
	if c.broken {
		return errMessage
	}
	return nil
}

// value is a value of a tuple.
type value struct {
	kind byte
	text []byte // nil unless kind is valueText
}

// values appends the values of a tuple that is not broken.
func values(dst []value, tuple []byte) []value {
	if len(tuple) == 0 {
		return dst
	}
	n := int(binary.BigEndian.Uint16(tuple))
	at := 2
	for range n {
		v := value{kind: tuple[at]}
		if at++; v.kind == valueText {
			end := at + 4 + int(binary.BigEndian.Uint32(tuple[at:]))
			v.text, at = tuple[at+4:end:end], end
		}
		dst = append(dst, v)
	}
	return dst
}

// appendTuple appends a tuple of texts; nil is NULL.
func appendTuple(dst []byte, texts [][]byte) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(texts)))
	for _, t := range texts {
		if t == nil {
			dst = append(dst, valueNull)
			continue
		}
		dst = append(dst, valueText)
		dst = binary.BigEndian.AppendUint32(dst, uint32(len(t)))
		dst = append(dst, t...)
	}
	return dst
}

// begin is the begin of a transaction.
type begin struct {
	commit uint64 // the position of its commit
	time   time.Time
	xid    uint32
}

// epochMicros is 2000-01-01 in microseconds since 1970.
const epochMicros = 946_684_800_000_000

func parseBegin(b []byte) (m begin, err error) {
	c := cursor{b: b}
	m.commit = c.uint(8)
	m.time = time.UnixMicro(int64(c.uint(8)) + epochMicros)
	m.xid = uint32(c.uint(4))
	return m, c.err()
}

// parseCommit is the position behind the transaction.
func parseCommit(b []byte) (end uint64, err error) {
	c := cursor{b: b}
	c.uint(1)
	c.uint(8)
	end = c.uint(8)
	return end, c.err()
}

func parseRelation(b []byte) (*relation, error) {
	c := cursor{b: b}
	r := &relation{id: uint32(c.uint(4)), schema: c.text(), name: c.text(), identity: c.byte()}
	for range c.uint(2) {
		if c.broken {
			break
		}
		col := relationColumn{isKey: c.byte()&1 != 0, name: c.text(), oid: uint32(c.uint(4))}
		c.uint(4) // the modifier
		r.columns = append(r.columns, col)
	}
	return r, c.err()
}

// rowChange is the change of a row. oldKind is K if old has the columns of the identity only, O if it has all, 0 if it is not there.
type rowChange struct {
	relation uint32
	oldKind  byte
	old, new []byte // tuples; nil where there is none
}

func parseChange(kind byte, b []byte) (m rowChange, err error) {
	c := cursor{b: b}
	m.relation = uint32(c.uint(4))
	next := c.byte()
	if (next == 'K' || next == 'O') && kind != kindInsert {
		m.oldKind, m.old = next, c.tuple()
		if kind == kindUpdate {
			next = c.byte()
		}
	}
	if kind != kindDelete {
		if next != 'N' {
			return m, errMessage
		}
		m.new = c.tuple()
	} else if m.oldKind == 0 {
		return m, errMessage
	}
	return m, c.err()
}

package nexmark

import (
	"strconv"

	vectors "github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/valuetext"
)

const (
	fnvOffset = 0xcbf29ce484222325
	fnvPrime  = 0x100000001b3
)

// Hash is the checksum of the final result of a query, independent of the order of its rows and of
// the changelog that led to it. The hash of a row is FNV-1a (64 bits) over the texts of its fields
// joined by '|', as Java prints them, NULL as \N and timestamps as milliseconds since 1970. Insert
// adds it, Retract subtracts it, modulo 2^64.
//
// The caller appends the fields of a row and ends it with Insert or Retract. The zero value is an
// empty result.
//
// Each byte of FNV-1a waits for the multiplication of the byte before it. So texts are gathered, and
// hashed four at a time.
type Hash struct {
	texts  []byte // of rows that are not in sum yet
	ends   []textEnd
	fields int // of the row that was begun
	rows   int64
	sum    uint64
}

// textEnd is where the text of a row ends, and what its hash is multiplied by: 1, or -1.
type textEnd struct {
	at   int
	sign uint64
}

// AppendInt appends a whole number, or a timestamp in milliseconds since 1970.
func (h *Hash) AppendInt(v int64) {
	h.begin()
	h.texts = strconv.AppendInt(h.texts, v, 10)
}

// AppendString appends a string.
func (h *Hash) AppendString(s string) {
	h.begin()
	h.texts = append(h.texts, s...)
}

// AppendBytes appends a string.
func (h *Hash) AppendBytes(s []byte) {
	h.begin()
	h.texts = append(h.texts, s...)
}

// AppendDecimal appends the decimal unscaled / 10^scale, with all its scale digits.
func (h *Hash) AppendDecimal(unscaled int64, scale int) {
	h.begin()
	h.texts = valuetext.AppendExact(h.texts, vectors.Int128From(unscaled), scale)
}

// AppendNull appends a NULL of any type.
func (h *Hash) AppendNull() { h.AppendString(`\N`) }

// begin begins a field.
func (h *Hash) begin() {
	if h.fields > 0 {
		h.texts = append(h.texts, '|')
	}
	h.fields++
}

// Insert ends a row of kind +I or +U.
func (h *Hash) Insert() { h.endRow(1) }

// Retract ends a row of kind -U or -D.
func (h *Hash) Retract() { h.endRow(^uint64(0)) }

// textsMax is how many bytes of texts are gathered.
const textsMax = 16 << 10

func (h *Hash) endRow(sign uint64) {
	h.ends = append(h.ends, textEnd{len(h.texts), sign})
	h.fields = 0
	h.rows++
	if len(h.texts) >= textsMax {
		h.flush()
	}
}

// lane is a row that is being hashed: the rest of its text.
type lane struct {
	text []byte
	textEnd
	hash uint64
}

// flush adds the rows whose texts have been gathered. Four go abreast, as far as the shortest reaches,
// and the next row takes the place of one that is at its end.
//
//flott:hot
func (h *Hash) flush() {
	var lanes [4]lane
	start, next := 0, 0
	for {
		n := len(h.texts)
		for i := range lanes {
			l := &lanes[i]
			for len(l.text) == 0 && next < len(h.ends) {
				h.sum += l.sign * l.hash
				end := h.ends[next]
				*l = lane{h.texts[start:end.at], end, fnvOffset}
				start = end.at
				next++
			}
			n = min(n, len(l.text))
		}
		if n == 0 {
			break
		}
		fnv4(&lanes, n)
	}
	for i := range lanes {
		l := &lanes[i]
		for _, c := range l.text {
			l.hash = (l.hash ^ uint64(c)) * fnvPrime
		}
		h.sum += l.sign * l.hash
	}
	h.texts, h.ends = h.texts[:0], h.ends[:0]
}

// fnv4 hashes the next n bytes of all lanes.
//
//flott:hot
func fnv4(lanes *[4]lane, n int) {
	a, b, c, d := lanes[0].text[:n], lanes[1].text[:n], lanes[2].text[:n], lanes[3].text[:n]
	p, q, r, s := lanes[0].hash, lanes[1].hash, lanes[2].hash, lanes[3].hash
	for i := range n {
		p = (p ^ uint64(a[i])) * fnvPrime
		q = (q ^ uint64(b[i])) * fnvPrime
		r = (r ^ uint64(c[i])) * fnvPrime
		s = (s ^ uint64(d[i])) * fnvPrime
	}
	for i, hash := range [4]uint64{p, q, r, s} {
		lanes[i].hash = hash
		lanes[i].text = lanes[i].text[n:]
	}
}

// Merge adds what another subtask has seen. Neither may have begun a row.
func (h *Hash) Merge(other *Hash) {
	h.sum += other.Sum()
	h.rows += other.rows
}

// Add adds a checksum.
func (h *Hash) Add(sum uint64) { h.sum += sum }

// Take returns the checksum and makes h empty.
func (h *Hash) Take() uint64 {
	sum := h.Sum()
	h.sum, h.rows = 0, 0
	return sum
}

// Sum returns the checksum of the rows ended so far.
func (h *Hash) Sum() uint64 {
	h.flush()
	return h.sum
}

// Rows returns how many rows were ended, whatever their kind.
func (h *Hash) Rows() int64 {
	return h.rows
}

// String returns the checksum in hex without leading zeros, as it is printed for Flink.
func (h *Hash) String() string {
	return strconv.FormatUint(h.Sum(), 16)
}

package codec

// arenaBytes is the memory that strings share. One that is kept keeps all of it, so it is small.
const arenaBytes = 2 << 10

// Arena is memory for the strings and []byte of many values, which is allocated in pieces instead of
// for each. It is for one goroutine. The zero Arena is ready.
type Arena struct {
	piece []byte
	used  int // of piece: a field of its own, since writing a pointer costs more while garbage is collected
}

// clone returns a copy of b, which nothing writes to and which is garbage when its whole piece is.
func (a *Arena) clone(b []byte) []byte {
	from, to := a.used, a.used+len(b)
	if to > len(a.piece) {
		if len(b) > arenaBytes/4 {
			return append(make([]byte, 0, len(b)), b...)
		}
		a.piece = make([]byte, arenaBytes)
		from, to = 0, len(b)
	}
	a.used = to
	c := a.piece[from:to:to]
	copy(c, b)
	return c
}

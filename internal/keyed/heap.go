package keyed

import (
	"encoding/binary"
	"math/bits"
)

const (
	// A chunk has so many bytes at least and at most; in between, one eighth of those there are.
	chunkMin = 512
	chunkMax = 256 << 10
	// A block of more than this part of a chunk is a chunk of its own.
	chunkPart = 4
)

// heap is memory in blocks, which do not move: to grow costs nothing for those there are. A block that is given up
// is the next of its size.
//
//	chunks ┌───────┬────┬──────┬╌╌╌╌╌╌┐  ┌───────┬──────┬───────┬───┬╌╌╌┐  ┌────────────────────┐
//	       └───────┴────┴──────┴╌╌╌╌╌╌┘  └───────┴──────┴───────┴───┴╌╌╌┘  └────────────────────┘
//	                 ▲            lost       ▲                        free      a large block
//	       free[c] ──┘───────────────────────┘
type heap struct {
	chunks [][]byte
	cur    int      // the chunk that blocks are cut from
	free   []uint64 // by class, the first free block, which begins with the next one
	size   int      // bytes of all chunks
	dead   int      // bytes that are free or lost
}

// sizeOf is the size of a block of at least n bytes: eight sizes in each doubling, and no less than eight bytes apart.
func sizeOf(n int) int {
	shift := max(bits.Len(uint(n-1))-4, 3)
	return ((n-1)>>shift + 1) << shift
}

// grownSizeOf is sizeOf for a value that has grown: two sizes in each doubling.
func grownSizeOf(n int) int {
	shift := max(bits.Len(uint(n-1))-2, 3)
	return ((n-1)>>shift + 1) << shift
}

// classOf is the number of a size.
func classOf(size int) int {
	shift := max(bits.Len(uint(size-1))-4, 3)
	return (shift-3)*8 + (size-1)>>shift
}

// alloc returns a block of a size that sizeOf gives, whose bytes are unspecified. It is never 0.
func (h *heap) alloc(size int) uint64 {
	if c := classOf(size); c < len(h.free) && h.free[c] != 0 {
		ref := h.free[c]
		h.free[c] = binary.LittleEndian.Uint64(h.at(ref))
		h.dead -= size
		return ref
	}
	if len(h.chunks) == 0 || len(h.chunks[h.cur])+size > cap(h.chunks[h.cur]) {
		chunk := min(max(1<<bits.Len(uint(h.size/8)), chunkMin), chunkMax)
		if size > chunk/chunkPart {
			h.size += size
			h.chunks = append(h.chunks, make([]byte, size))
			return refOfBlock(len(h.chunks)-1, 0)
		}
		h.dead += h.left()
		h.size += chunk
		h.cur = len(h.chunks)
		h.chunks = append(h.chunks, make([]byte, 0, chunk))
	}
	c := &h.chunks[h.cur]
	at := len(*c)
	*c = (*c)[:at+size]
	return refOfBlock(h.cur, at)
}

func refOfBlock(chunk, at int) uint64 { return uint64(chunk)<<32 | uint64(at+1) }

// left is what has not been cut yet from the chunk that blocks are cut from.
func (h *heap) left() int {
	if len(h.chunks) == 0 {
		return 0
	}
	return cap(h.chunks[h.cur]) - len(h.chunks[h.cur])
}

// at is the chunk from a block on.
func (h *heap) at(ref uint64) []byte { return h.chunks[ref>>32][uint32(ref)-1:] }

// release gives up a block.
func (h *heap) release(ref uint64, size int) {
	c := classOf(size)
	for len(h.free) <= c {
		h.free = append(h.free, 0)
	}
	binary.LittleEndian.PutUint64(h.at(ref), h.free[c])
	h.free[c] = ref
	h.dead += size
}

// isSparse reports whether more is dead than alive, so that it is worth while to copy what lives.
func (h *heap) isSparse() bool { return h.dead > h.size/2 && h.dead >= logDeadMin }

// reset gives up all blocks, and keeps some memory for the next ones.
func (h *heap) reset() {
	if len(h.chunks) == 0 {
		return
	}
	c := h.chunks[h.cur][:0]
	clear(h.chunks)
	h.chunks[0] = c
	*h = heap{chunks: h.chunks[:1], free: h.free[:0], size: cap(c)}
}

package keyed

import (
	"bytes"
	"encoding/binary"

	"github.com/flott-dev/flott/internal/codec"
)

// treap is ordered lists of nodes, each with a search tree over it. A node's parent has a higher
// priority, which is a hash of the node's number: so the shape is that of a tree into which nodes are
// put in random order, whatever order they come in, and a path has about 2 ln n nodes.
type treap struct {
	nodes  []orderedNode // the first is not used: 0 is no node
	unused uint32        // linked by next
	// subOf is the sub-key of a node, valid until an entry is added or deleted.
	subOf func(node uint32) []byte
}

// orderedHead is one list.
type orderedHead struct{ root, first, last, n uint32 }

type orderedNode struct {
	prefix      prefix // of the sub-key, filled up with zeros: decides most comparisons
	hash        uint64 // of the entry
	left, right uint32
	prev, next  uint32
}

// prefix is the first bytes of a sub-key. Eight would be those that many of a key have in common, such as a name and a time.
type prefix [2]uint64

func prefixOf(sub []byte) prefix {
	if len(sub) >= 16 {
		return prefix{binary.BigEndian.Uint64(sub), binary.BigEndian.Uint64(sub[8:])}
	}
	var b [16]byte
	copy(b[:], sub)
	return prefix{binary.BigEndian.Uint64(b[:]), binary.BigEndian.Uint64(b[8:])}
}

func priority(node uint32) uint64 { return codec.HashWord(uint64(node)) }

// isBelow reports whether a node comes before a sub-key.
func (t *treap) isBelow(node uint32, begin prefix, sub []byte) bool {
	switch p := &t.nodes[node].prefix; {
	case p[0] != begin[0]:
		return p[0] < begin[0]
	case p[1] != begin[1]:
		return p[1] < begin[1]
	}
	return bytes.Compare(t.subOf(node), sub) < 0
}

// ceiling is the first node that is not below sub, 0 when there is none.
func (t *treap) ceiling(h *orderedHead, sub []byte) uint32 {
	if len(sub) == 0 {
		return h.first
	}
	begin, best := prefixOf(sub), uint32(0)
	for node := h.root; node != 0; {
		if t.isBelow(node, begin, sub) {
			node = t.nodes[node].right
		} else {
			best, node = node, t.nodes[node].left
		}
	}
	return best
}

// insert adds a node for a sub-key that is not there.
//
// It goes down to where the first node of a lower priority is, and takes its place; the subtree from
// there is cut in two at the sub-key, along one path.
func (t *treap) insert(h *orderedHead, sub []byte, hash uint64) uint32 {
	node := t.unused
	if node != 0 {
		t.unused = t.nodes[node].next
	} else {
		node = uint32(len(t.nodes))
		t.nodes = append(t.nodes, orderedNode{})
	}
	n := &t.nodes[node]
	*n = orderedNode{prefix: prefixOf(sub), hash: hash}
	var below, above uint32 // the neighbours
	link, rank := &h.root, priority(node)
	for *link != 0 && priority(*link) > rank {
		link = t.down(*link, n.prefix, sub, &below, &above)
	}
	rest := *link
	*link = node
	left, right := &n.left, &n.right
	for rest != 0 {
		at := rest
		e := &t.nodes[at]
		if t.isBelow(at, n.prefix, sub) {
			*left, left, rest, below = at, &e.right, e.right, at
		} else {
			*right, right, rest, above = at, &e.left, e.left, at
		}
	}
	*left, *right = 0, 0
	n.prev, n.next = below, above
	if h.n++; below == 0 {
		h.first = node
	} else {
		t.nodes[below].next = node
	}
	if above == 0 {
		h.last = node
	} else {
		t.nodes[above].prev = node
	}
	return node
}

// down is the link from a node to where sub is, and notes the neighbours on the way.
func (t *treap) down(node uint32, begin prefix, sub []byte, below, above *uint32) *uint32 {
	if t.isBelow(node, begin, sub) {
		*below = node
		return &t.nodes[node].right
	}
	*above = node
	return &t.nodes[node].left
}

// remove takes out the node of a sub-key; its two subtrees are merged, along one path.
func (t *treap) remove(h *orderedHead, node uint32, sub []byte) {
	n := &t.nodes[node]
	link := &h.root
	for *link != node {
		var a, b uint32
		link = t.down(*link, n.prefix, sub, &a, &b)
	}
	left, right := n.left, n.right
	for left != 0 && right != 0 {
		if priority(left) > priority(right) {
			*link, link, left = left, &t.nodes[left].right, t.nodes[left].right
		} else {
			*link, link, right = right, &t.nodes[right].left, t.nodes[right].left
		}
	}
	*link = left | right
	if h.n--; n.prev == 0 {
		h.first = n.next
	} else {
		t.nodes[n.prev].next = n.next
	}
	if n.next == 0 {
		h.last = n.prev
	} else {
		t.nodes[n.next].prev = n.prev
	}
	*n = orderedNode{next: t.unused}
	t.unused = node
}

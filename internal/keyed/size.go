package keyed

// Size is about the memory that the states take, in bytes, for who has to bound it. With a disk behind them it is 0: then they
// bound it themselves.
func (b *Backend) Size() (n int64) {
	if b.cold != nil {
		return 0
	}
	for _, s := range b.states {
		if s, ok := s.(sized); ok {
			n += s.size()
		}
	}
	return n
}

// sized is a state that knows its size.
type sized interface{ size() int64 }

func (s *Values[V]) size() int64 {
	if s.isPlain {
		return s.plain.bytes()
	}
	return s.packed.records.size()
}

func (r *records) size() int64 { return r.bytes() + r.heapBytes() }

func (s *Ordered[V]) size() int64 {
	const headBytes, nodeBytes = 32, 16
	return s.records.size() + 2*headBytes*int64(s.heads.Len()) + nodeBytes*int64(len(s.nodes))
}

package connect

// Backlog is how much of a source's input is there and is not read yet.
type Backlog struct {
	// Records is how many records, Bytes how many bytes; negative if that is not known.
	Records, Bytes int64
	// RecordBytes is the size of a record, on average of those that were read; 0 if that is not known.
	RecordBytes float64
}

// Unknown is the backlog of which nothing is known.
var Unknown = Backlog{Records: -1, Bytes: -1}

// Backlogged is a Reader, or an Enumerator, that knows its backlog: a Reader that of its splits, an Enumerator that of the splits
// that it has not assigned.
type Backlogged interface {
	// Backlog is asked after each poll of a Reader, and after each call of an Enumerator, on its goroutine. It does not block. What a
	// server has to be asked for is as of the last answer.
	Backlog() Backlog
}

// Plus is the backlog of both. A number is known if it is of both; records are estimated from bytes.
func (b Backlog) Plus(o Backlog) Backlog {
	sum := Backlog{Records: -1, Bytes: -1, RecordBytes: b.RecordBytes}
	switch {
	case b.RecordBytes <= 0:
		sum.RecordBytes = o.RecordBytes
	case o.RecordBytes > 0:
		sum.RecordBytes = (b.RecordBytes + o.RecordBytes) / 2
	}
	if b.Bytes >= 0 && o.Bytes >= 0 {
		sum.Bytes = b.Bytes + o.Bytes
	}
	if x, y := b.records(sum.RecordBytes), o.records(sum.RecordBytes); x >= 0 && y >= 0 {
		sum.Records = x + y
	}
	return sum
}

// Share is a part of n of the backlog.
func (b Backlog) Share(n int) Backlog {
	part := func(all int64) int64 {
		if all < 0 {
			return all
		}
		return (all + int64(n) - 1) / int64(n)
	}
	return Backlog{part(b.Records), part(b.Bytes), b.RecordBytes}
}

// records is the number of records, negative if it is neither known nor can be estimated.
func (b Backlog) records(size float64) int64 {
	switch {
	case b.Records >= 0:
		return b.Records
	case b.Bytes == 0:
		return 0
	case b.Bytes > 0 && size > 0:
		return int64(float64(b.Bytes) / size)
	}
	return -1
}

package kafka

import (
	"errors"
	"fmt"
)

// Bad is a record that could not be decoded. It is an error.
type Bad struct {
	Partition
	Offset     int64
	Key, Value []byte
	Err        error
}

// textMax is how much of a record an error shows, in bytes.
const textMax = 120

// Error names the place and shows the beginning of the record.
func (b *Bad) Error() string {
	value, more := b.Value, ""
	if len(value) > textMax {
		value, more = value[:textMax], " …"
	}
	return fmt.Sprintf("topic %s, partition %d, offset %d: %v, in the record %q%s", b.Topic, b.Number, b.Offset, b.Err, value, more)
}

// Unwrap is the decoder's error.
func (b *Bad) Unwrap() error { return b.Err }

// Policy is what is done with bad records.
type Policy struct {
	handle func(*Bad) error
	skip   bool
}

// The simple policies.
var (
	// Fail fails the job with a *Bad.
	Fail = Policy{handle: func(b *Bad) error { return b }}
	// Skip drops the record and counts it in the metric numRecordsInErrors.
	Skip = Policy{skip: true}
)

// DeadLetter drops the record, counts it in the metric numRecordsInErrors and calls f, whose error fails the job. Several
// goroutines may call f; it is called again for a record that is read again after a recovery. What b has is not changed later.
func DeadLetter(f func(b *Bad) error) Policy { return Policy{handle: f} }

// ErrSkip, as the error of a decoder, drops a record that is not wanted. It is not counted.
var ErrSkip = errors.New("kafka: the record is passed over")

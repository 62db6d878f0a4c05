package connect

import (
	"errors"
	"fmt"

	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/metric"
)

// Bad is a record that could not be decoded. It is an error.
type Bad struct {
	// Place says where the record is, as its system names places.
	Place  string
	Record []byte
	Err    error
}

// badTextMax is how much of a record an error shows, in bytes.
const badTextMax = 120

// Error names the place and shows the beginning of the record.
func (b *Bad) Error() string {
	record, more := b.Record, ""
	if len(record) > badTextMax {
		record, more = record[:badTextMax], " …"
	}
	return fmt.Sprintf("%s: %v, in the record %q%s", b.Place, b.Err, record, more)
}

// Unwrap is the decoder's error.
func (b *Bad) Unwrap() error { return b.Err }

// BadPolicy is what is done with bad records. The zero value is FailOnBad.
type BadPolicy struct {
	handle func(*Bad) error
	skip   bool
	// strict says that the job fails by what is not the fault of a record: an error that is no *format.Error.
	strict bool
}

// The simple policies.
var (
	// FailOnBad fails the job with a *Bad.
	FailOnBad = BadPolicy{}
	// SkipBad drops the record and counts it in the metric numRecordsInErrors.
	SkipBad = BadPolicy{skip: true}
)

// DeadLetter drops the record, counts it in the metric numRecordsInErrors and calls f, whose error fails the job. Several
// goroutines may call f; it is called again for a record that is read again after a recovery. What b has is not changed later.
func DeadLetter(f func(b *Bad) error) BadPolicy { return BadPolicy{handle: f, skip: true} }

// ErrSkip, as the error of a decoder, drops a record that is not wanted. It is not counted.
var ErrSkip = errors.New("the record is passed over")

// Fails reports whether a bad record fails the job.
func (p BadPolicy) Fails() bool { return !p.skip }

// Handle deals with a record that a decoder has refused with err, and returns the error that fails the job, if any. place is
// called only for errors that count.
func (p BadPolicy) Handle(err error, record []byte, place func() string, errs *metric.Counter) error {
	if errors.Is(err, ErrSkip) {
		return nil
	}
	b := &Bad{place(), record, err}
	if wrong := (*format.Error)(nil); !p.skip || p.strict && !errors.As(err, &wrong) {
		return b
	}
	errs.Add(1)
	if p.handle == nil {
		return nil
	}
	return p.handle(b)
}

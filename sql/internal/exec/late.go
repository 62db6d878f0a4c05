package exec

import (
	"fmt"

	"github.com/flott-dev/flott/column"
)

// timeOf is the event time of a row in milliseconds; the task fails for NULL.
func (b *base) timeOf(times *column.Vector, place int, name string) int64 {
	if times.IsNull(place) {
		b.task.Fail(fmt.Errorf("the column %s is the event time, and NULL in a row; leave such rows out, or give it a value",
			name), nil)
	}
	return floorMillis(times.I64[place])
}

// countLate counts rows that came too late and were dropped.
func (b *base) countLate(n int64) {
	if n > 0 && b.task.Metrics != nil {
		b.task.Metrics.Counter("numLateRecordsDropped").Add(n)
	}
}

// setNone makes the key of operators without keys current.
func (k *keying) setNone() {
	k.bytes = k.bytes[:0]
	k.backend.Set(0, 0, k.bytes)
}

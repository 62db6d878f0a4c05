package state

import (
	"fmt"
	"time"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/keyed"
)

// Option is a setting of a state.
type Option func(s *settings)

type settings struct {
	ttl        *keyed.TTL
	migrations []func(r *codec.Registry) (keyed.Migration, error)
	err        error
}

// TTLOption is a setting of a state's time to live.
type TTLOption struct{ apply func(t *keyed.TTL) }

// TTL makes entries expire once they have not been updated for d, in processing time. An entry is a
// value; of a list each item and of a map each entry expires by itself. Times are precise to the
// millisecond, and d must be one at least.
//
// Expired entries are not returned and are left out of full snapshots. They are dropped when they
// are come upon, and found by looking at a few entries with each access: see CleanupIncrementally. With
// stream.StateBackend("pebble") what is on disk is looked through too, a few entries with each batch.
//
// A state may get, change or lose its time to live between a snapshot and its restore. The new
// one counts from the last update; where that is not known, from the restore.
func TTL(d time.Duration, options ...TTLOption) Option {
	return func(s *settings) {
		s.ttl = &keyed.TTL{Millis: d.Milliseconds()}
		if s.ttl.Millis < 1 {
			s.err = fmt.Errorf("a time to live of %v is less than a millisecond", d)
		}
		for _, o := range options {
			o.apply(s.ttl)
		}
	}
}

// UpdateOnCreateAndWrite makes an entry live on when it is made and written. This is the default.
func UpdateOnCreateAndWrite() TTLOption {
	return TTLOption{func(t *keyed.TTL) { t.OnRead = false }}
}

// UpdateOnReadAndWrite makes an entry live on when it is read, too. Each read is then a write.
func UpdateOnReadAndWrite() TTLOption {
	return TTLOption{func(t *keyed.TTL) { t.OnRead = true }}
}

// NeverReturnExpired hides entries that are expired. This is the default.
func NeverReturnExpired() TTLOption {
	return TTLOption{func(t *keyed.TTL) { t.ReturnExpired = false }}
}

// ReturnExpiredIfNotCleanedUp returns an expired entry that is still there. It is dropped thereby.
func ReturnExpiredIfNotCleanedUp() TTLOption {
	return TTLOption{func(t *keyed.TTL) { t.ReturnExpired = true }}
}

// CleanupIncrementally sets how many entries are looked at for each access of the state, in order to
// find expired ones of any key. The default is 8. With 0 none is looked at: then an entry goes when
// its key is accessed, and when a full snapshot is restored.
func CleanupIncrementally(entries int) TTLOption {
	return TTLOption{func(t *keyed.TTL) {
		if t.Sweep = entries; entries == 0 {
			t.Sweep = -1
		}
	}}
}

func settingsOf(options []Option) settings {
	var s settings
	for _, o := range options {
		o(&s)
	}
	return s
}

// values is keyed.Values and keyed.TTLValues.
type values[V any] interface {
	keyed.State
	Current() (v *V, fresh bool)
	Lookup() *V
	Drop()
}

// timedCodec is the codec of values with their time.
func timedCodec[V any](r *codec.Registry) (*codec.Codec[keyed.Timed[V]], error) {
	return codec.For[keyed.Timed[V]](r)
}

package ha

import "context"

// Store elects a leader and keeps the records that it writes. Its methods may be called at the same
// time.
type Store interface {
	Reader
	// Campaign waits until the contender leads, or ctx ends. Its error then says who leads, or what
	// keeps the store from being asked. The leadership does not depend on ctx.
	Campaign(ctx context.Context, c Contender) (Leadership, error)
	// Watch calls seen with who leads, and again with each change, until ctx ends, which is its error.
	// The zero Leader says that nobody does. Changes come in order; of several that come quickly, or
	// while the store is out of reach, the last one is seen. A leader that died is told as leading until
	// there is another or its lease is over.
	Watch(ctx context.Context, seen func(Leader)) error
	// Close ends everything that runs, among it leaderships, without resigning from them.
	Close() error
}

// Reader reads records. What a write that has returned before has done is seen.
type Reader interface {
	// Get returns a record, or ErrNotFound. The value belongs to the caller.
	Get(ctx context.Context, key string) (Record, error)
	// List returns the keys that begin with prefix, sorted.
	List(ctx context.Context, prefix string) ([]Entry, error)
}

// Leadership is a contender's term. It is lost for good when another one leads, or may, or when it
// has been resigned from.
//
// A write succeeds only while no other leader has come after this one: the store looks in the same
// atomic step. Else its error is ErrDeposed, and it had no effect. ErrUncertain is the one error that
// leaves open whether the write had, or will have, an effect; what is read by the next leader is
// certain.
type Leadership interface {
	Reader
	// Leader is who leads: the contender, and the epoch.
	Leader() Leader
	// Context is done as soon as the leadership is known to be lost, and before another contender can
	// lead, as far as clocks run equally fast. Its cause says why.
	Context() context.Context
	// Confirm asks the store: no error says that no other leader had come when it was asked. It is for what
	// lies elsewhere and has no epoch; whether a term is over that nobody has followed yet it need not know.
	Confirm(ctx context.Context) error
	// Put makes a record that is not there, or fails with ErrExists.
	Put(ctx context.Context, key string, value []byte) (Version, error)
	// Swap replaces a record that has still this version, or fails with ErrConflict.
	Swap(ctx context.Context, key string, version Version, value []byte) (Version, error)
	// Delete removes a record that has still this version, or fails with ErrConflict.
	Delete(ctx context.Context, key string, version Version) error
	// Resign lets others lead at once.
	Resign(ctx context.Context) error
}

// Contender is a process that would lead.
type Contender struct {
	// Name tells contenders apart for people, such as a host's.
	Name string `json:"name"`
	// Address is where TaskManagers and workers reach it, REST the URL for clients.
	Address string `json:"address"`
	REST    string `json:"rest,omitempty"`
}

// Leader is a contender that leads. The zero value is nobody.
type Leader struct {
	// Epoch numbers the leaders of a store, each greater than all before it; the first is 1.
	Epoch int64 `json:"epoch"`
	Contender
}

// Version is that of a record. Each write makes one that there never was for any record. It has no
// meaning outside of the store.
type Version string

// Record is a value with its version.
type Record struct {
	Value   []byte
	Version Version
}

// Entry is a record in a list.
type Entry struct {
	Key     string
	Version Version
}

// Sweeper is a Leadership that values may have been left behind in, of writes that were cut off.
type Sweeper interface {
	// Sweep removes what leaders of earlier epochs have left behind.
	Sweep(ctx context.Context) error
}

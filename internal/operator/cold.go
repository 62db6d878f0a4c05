package operator

// Cold is where keyed state goes that memory has no room for: an ordered store on disk that lives as
// long as a subtask. It is empty at first; as long as nothing is written it need not exist. Its
// methods belong to the subtask's goroutine.
type Cold interface {
	ColdView
	// Share is how many bytes the tables in front of the store may take just now.
	Share() int64
	// Written reports whether anything was ever written.
	Written() bool
	// View is the store as it is now, until it is closed.
	View() (ColdView, error)
	// Batch begins a batch of writes.
	Batch() ColdBatch
	// Bulk begins writes of any size, for a restore.
	Bulk() ColdBulk
	// Close deletes the store.
	Close() error
}

// ColdView reads a store.
type ColdView interface {
	// Get appends the value of a key to dst.
	Get(dst, key []byte) (value []byte, ok bool, err error)
	// Scan iterates over the keys from first up to, but not including, end.
	Scan(first, end []byte) (ColdScan, error)
	// Close lets go of the view.
	Close() error
}

// ColdScan is an iteration in the order of the keys.
type ColdScan interface {
	// Next moves to the next entry, the first one at the first call.
	Next() bool
	// Entry is the current one, valid until Next.
	Entry() (key, value []byte)
	// Close ends the iteration. It returns the error that ended it early.
	Close() error
}

// ColdBatch is writes that are done together. Nothing of it is seen before Commit.
type ColdBatch interface {
	// Put sets a value.
	Put(key, value []byte)
	// Merge appends to a value.
	Merge(key, more []byte)
	// Delete deletes a key.
	Delete(key []byte)
	// DeleteRange deletes the keys from first up to, but not including, end.
	DeleteRange(first, end []byte)
	// Bytes is about how much there is to commit.
	Bytes() int
	// Commit writes the batch and ends it.
	Commit() error
}

// ColdBulk is writes that need not be seen before Commit, and are not done together.
type ColdBulk interface {
	// Put sets a value.
	Put(key, value []byte)
	// Delete deletes a key.
	Delete(key []byte)
	// Commit writes the rest.
	Commit() error
}

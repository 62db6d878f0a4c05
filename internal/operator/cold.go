package operator

import "io"

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
	// Capture begins a snapshot of the store in its own form, see ColdCapture. One that is under way is
	// brought to its end; it must be sealed.
	Capture() ColdCapture
	// Adopt makes the files of a tree the contents of the store, to which nothing has been written.
	Adopt(t *Tree) error
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

// ColdCapture is a snapshot of a store's files that is being made. From Capture on the store holds back
// what is written to it; whoever reads sees it all the same. What is put into the capture goes below
// that. So the files have what was in the store at Capture, and what was put.
//
//	Capture   Put, Put, …   Seal      Make                  Close
//	───┼──────────────────────┼─────────┼─────────────────────┼──▶
//	   └─ what is written waits ────────┘ files can be read ──┘
//
// Put, Commit, Seal and Discard belong to the subtask's goroutine, the rest to whoever stores the files.
type ColdCapture interface {
	// Put sets a value, and Commit makes what was put so far seen by reads.
	Put(key, value []byte)
	// Merge appends to a value. It is seen by reads as what was put is.
	Merge(key, more []byte)
	Commit() error
	// Seal says that all has been put.
	Seal() error
	// Discard gives the capture up, unless it is made.
	Discard()

	// Make makes the files. It may block. Another call returns what the first has.
	Make() error
	// Files are the names of the files.
	Files() ([]string, error)
	// Open reads one.
	Open(name string) (io.ReadCloser, error)
	// Close lets go of the files.
	Close() error
}

package sim

import (
	"errors"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/flott-dev/flott/internal/lsm"
	"github.com/flott-dev/flott/internal/operator"
)

// trees are the keyed state of one process on a disk of its own, in memory. The tables in front are
// emptied between any two batches, so that all state goes to the trees and comes back. They have
// goroutines, which flush and compact; nothing that a run does depends on when.
type trees struct {
	space  lsm.Space
	stores []operator.Cold
	use    *treeUse
}

// treeUse counts what trees were used for, so that a test can tell that they were.
type treeUse struct {
	Opened   int
	Found    int // look-ups that came back with an entry
	Restored int // restores past the tables
	Captured int // native snapshots
	Adopted  int // restores of their files
}

func newTrees(use *treeUse) *trees {
	return &trees{space: lsm.Space{Bytes: 1, FS: vfs.NewMem()}, use: use}
}

func (t *trees) open() operator.Cold {
	s := &tree{t.space.Open(), t.use}
	t.stores = append(t.stores, s)
	t.use.Opened++
	return s
}

// close closes what the process, which may have been killed, has left.
func (t *trees) close() (err error) {
	if t == nil {
		return nil
	}
	for _, s := range t.stores {
		err = errors.Join(err, s.Close())
	}
	return err
}

// tree counts how it is used.
type tree struct {
	operator.Cold
	use *treeUse
}

// Get looks up a key.
func (t *tree) Get(dst, key []byte) (value []byte, ok bool, err error) {
	value, ok, err = t.Cold.Get(dst, key)
	if ok {
		t.use.Found++
	}
	return value, ok, err
}

// Capture begins a native snapshot.
func (t *tree) Capture() operator.ColdCapture {
	t.use.Captured++
	return t.Cold.Capture()
}

// Adopt restores the files of a native snapshot.
func (t *tree) Adopt(from *operator.Tree) error {
	t.use.Adopted++
	return t.Cold.Adopt(from)
}

// Bulk begins a restore.
func (t *tree) Bulk() operator.ColdBulk {
	t.use.Restored++
	return t.Cold.Bulk()
}

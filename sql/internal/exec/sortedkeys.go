package exec

import (
	"time"

	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// sortedKeys is what operators are made of that keep the rows of a key in order, until it has not changed for a time.
type sortedKeys struct {
	one
	sort   *sorting
	expiry expiry
	drop   func() // drops what is kept of the current key
}

// openKeys begins Open: the states of the operator follow.
func (n *sortedKeys) openKeys(ctx *operator.Context, in []row.Field, order []logical.SortKey, partition []int) (err error) {
	n.Ctx = ctx
	n.open(ctx)
	n.keys = newKeying(ctx, KeyTypes(in, partition), partition)
	n.sort, err = newSorting(in, order)
	return err
}

// ready ends Open. drop drops what is kept of the current key.
func (n *sortedKeys) ready(ctx *operator.Context, ttl time.Duration, drop func()) error {
	n.drop = drop
	n.expiry.open(ctx, n.keys.backend, ttl.Milliseconds())
	if err := n.restore(); err != nil {
		return err
	}
	n.expiry.arm()
	return nil
}

// Watermark passes it on.
func (n *sortedKeys) Watermark(t int64) bool { return n.passMark(t) }

// ProcessingTime drops what has expired.
func (n *sortedKeys) ProcessingTime(now int64) bool {
	n.expiry.expire(now, n.drop)
	return true
}

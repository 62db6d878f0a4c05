package connect

// Deal is the Enumerator of sources whose splits are all known and are read side by side without
// end: it deals all of them out at the start, in turn to all readers. A Queue would leave splits
// behind when the job is restored with fewer readers than splits, since a reader of an unbounded
// split never asks for the next one.
type Deal struct {
	ctx  EnumeratorContext
	back []Split
}

// NewDeal deals splits out and returns the enumerator that has none left.
func NewDeal(ctx EnumeratorContext, splits []Split) *Deal {
	p := ctx.Parallelism()
	for i := range min(p, len(splits)) {
		var mine []Split
		for j := i; j < len(splits); j += p {
			mine = append(mine, splits[j])
		}
		ctx.Assign(i, mine...)
	}
	return &Deal{ctx: ctx}
}

// Request gives a reader what came back, if anything did, and tells it that there is no more.
func (d *Deal) Request(subtask int) {
	if len(d.back) > 0 {
		d.ctx.Assign(subtask, d.back...)
		d.back = nil
	}
	d.ctx.NoMoreSplits(subtask)
}

// Back keeps splits for the next reader that asks.
func (d *Deal) Back(_ int, splits []Split) { d.back = append(d.back, splits...) }

// Snapshot encodes the splits that came back.
func (d *Deal) Snapshot() ([]byte, error) { return EncodeSplits(d.back), nil }

// Close does nothing.
func (d *Deal) Close() error { return nil }

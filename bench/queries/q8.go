package queries

import (
	"github.com/flott-dev/flott/connect/nexmark"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/window"
)

// newcomer is a person as q8 needs it.
type newcomer struct {
	ID   int64
	Name string
}

type newSeller struct {
	ID    int64
	Name  string
	Start int64
}

func q8(events *stream.Stream[nexmark.Event], p *Probe) {
	persons := stream.Select(events, func(e *nexmark.Event, out *newcomer) bool {
		*out = newcomer{e.Person.ID, e.Person.Name}
		return e.Kind == nexmark.KindPerson
	})
	sellers := stream.Select(events, func(e *nexmark.Event, out *int64) bool {
		*out = e.Auction.Seller
		return e.Kind == nexmark.KindAuction
	})
	joined := stream.CoGroup(
		stream.KeyByRef(persons, func(v *newcomer) int64 { return v.ID }),
		stream.KeyByRef(sellers, same), window.Tumbling(windowSize),
		func(c *stream.WindowCtx[int64, newSeller], persons []newcomer, sales []int64) error {
			if len(persons) > 0 && len(sales) > 0 {
				c.Emit(newSeller{persons[0].ID, persons[0].Name, c.Window().Start})
			}
			return nil
		})
	sink(joined, p, rowOf[newSeller]{
		hash: func(h *nexmark.Hash, r *newSeller) {
			h.AppendInt(r.ID)
			h.AppendString(r.Name)
			h.AppendInt(r.Start)
		},
		sum: func(r *newSeller) uint64 { return mix(mix(textSum(r.Name), r.ID), r.Start) },
	})
}

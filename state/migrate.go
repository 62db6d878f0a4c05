package state

import (
	"fmt"

	"github.com/flott-dev/flott/internal/codec"
	"github.com/flott-dev/flott/internal/keyed"
)

// Migrate says how a value of an older type becomes one of a newer type, when a job is restored from a
// snapshot that holds the older. It is for what does not go by itself: the package's comment has the
// changes that do. A value is the value of a Value or Reducing, an item of a List, the value of a
// Map's entry, or the accumulator of an Aggregating.
//
// A migration applies if the stored type has the fields of Old, whatever its name: so the job keeps a
// copy of the old type under any name. Several make a chain, the oldest first; each begins where the
// one before ends. The name is for errors. An error of f fails the restore.
//
//	type orderV1 struct{ ID, Price string } // as it was: "12.50"
//
//	orders := state.NewValue[Order]("order", state.Migrate("cents", func(o orderV1) (Order, error) {
//		cents, err := parseCents(o.Price)
//		return Order{ID: o.ID, Cents: cents}, err
//	}))
func Migrate[Old, New any](name string, f func(Old) (New, error)) Option {
	return func(s *settings) {
		s.migrations = append(s.migrations, func(r *codec.Registry) (keyed.Migration, error) {
			return migration(r, name, f)
		})
	}
}

func migration[Old, New any](r *codec.Registry, name string, f func(Old) (New, error),
) (m keyed.Migration, err error) {
	from, err := codec.For[Old](r)
	if err != nil {
		return m, fmt.Errorf("migration %q: %w", name, err)
	}
	to, err := codec.For[New](r)
	if err != nil {
		return m, fmt.Errorf("migration %q: %w", name, err)
	}
	apply := func(dst, src []byte) (out, rest []byte, err error) {
		var v Old
		if rest, err = from.Decode(src, &v); err != nil {
			return dst, src, err
		}
		w, err := f(v)
		if err != nil {
			return dst, src, err
		}
		return to.Append(dst, &w), rest, nil
	}
	return keyed.Migration{Name: name, From: from.Schema(), To: to.Schema(), Apply: apply}, nil
}

// steps are the migrations.
func (h *base[V]) steps(r *codec.Registry) (steps []keyed.Migration, err error) {
	for _, f := range h.migrations {
		m, err := f(r)
		if err != nil {
			return nil, err
		}
		steps = append(steps, m)
	}
	return steps, nil
}

// add registers the state of a subtask.
func (h *base[V]) add(b *keyed.Backend, r *codec.Registry, s keyed.State) error {
	steps, err := h.steps(r)
	if err != nil {
		return err
	}
	b.Add(h.name, s)
	b.Migrate(h.name, steps)
	return nil
}

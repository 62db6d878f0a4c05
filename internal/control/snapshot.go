package control

import (
	"fmt"

	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/operator"
)

// Delivered is a checkpoint.Delivery.
type Delivered struct {
	ID        int64
	Part      checkpoint.Part
	Operators []checkpoint.Operator
	// Since and Deltas are those of the operators' snapshots.
	Since  []int64
	Deltas [][]string
	// Manifest has the states, each as that of the only subtask of its operator.
	Manifest []byte
	Stats    checkpoint.SubtaskStats
}

// NewDelivered encodes a delivery.
func NewDelivered(d checkpoint.Delivery) (*Delivered, error) {
	out := &Delivered{ID: d.ID, Part: d.Part, Operators: d.Operators, Stats: d.Stats}
	s := &checkpoint.Snapshot{ID: d.ID, Operators: map[string]*checkpoint.OperatorState{}}
	for i, of := range d.Operators {
		state := d.States[i]
		o := &checkpoint.OperatorState{
			Name: of.Name, MaxParallelism: of.MaxParallelism, Subtasks: []*operator.State{&state.State},
		}
		if d.Rest != nil && d.Rest[i] != nil {
			o.Rest = []operator.Blob{d.Rest[i]}
		}
		s.Operators[of.UID] = o
		out.Since = append(out.Since, state.Since)
		out.Deltas = append(out.Deltas, state.Deltas)
	}
	var err error
	if out.Manifest, err = checkpoint.AppendManifest(nil, s); err != nil {
		return nil, err
	}
	return out, nil
}

// Delivery decodes it.
func (d *Delivered) Delivery() (checkpoint.Delivery, error) {
	out := checkpoint.Delivery{ID: d.ID, Part: d.Part, Operators: d.Operators, Stats: d.Stats}
	s, err := checkpoint.DecodeManifest(d.Manifest)
	if err != nil {
		return out, err
	}
	if len(d.Since) != len(d.Operators) || len(d.Deltas) != len(d.Operators) {
		return out, fmt.Errorf("%d operators deliver %d and %d states", len(d.Operators), len(d.Since), len(d.Deltas))
	}
	for i, of := range d.Operators {
		o := s.Operators[of.UID]
		if o == nil || len(o.Subtasks) != 1 || o.Subtasks[0] == nil {
			return out, fmt.Errorf("operator %q delivers no state", of.Name)
		}
		out.States = append(out.States, &operator.Snapshot{
			Checkpoint: d.ID, Since: d.Since[i], Deltas: d.Deltas[i], State: *o.Subtasks[0],
		})
		var rest operator.Blob
		if len(o.Rest) == 1 {
			rest = o.Rest[0]
		}
		out.Rest = append(out.Rest, rest)
	}
	return out, nil
}

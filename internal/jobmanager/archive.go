package jobmanager

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/flott-dev/flott/internal/checkpoint"
)

// archived is a JobView as it is recorded: what a job has left when it has ended. Errors are texts.
type archived struct {
	JobView
	Cause       string
	Checkpoints checkpoint.History
	// Declined is why checkpoints have failed, by their numbers.
	Declined map[int64]string `json:",omitempty"`
}

// encodeView encodes the view of a job that has ended.
func encodeView(v *JobView) ([]byte, error) {
	a := archived{JobView: *v, Checkpoints: v.Checkpoints, Declined: map[int64]string{}}
	if v.Cause != nil {
		a.Cause = v.Cause.Error()
	}
	a.Checkpoints.Checkpoints = append([]checkpoint.Stats(nil), v.Checkpoints.Checkpoints...)
	for i := range a.Checkpoints.Checkpoints {
		if s := &a.Checkpoints.Checkpoints[i]; s.Err != nil {
			a.Declined[s.ID], s.Err = s.Err.Error(), nil
		}
	}
	return json.Marshal(&a)
}

// decodeView decodes what encodeView has encoded.
func decodeView(data []byte) (*JobView, error) {
	a := archived{}
	if err := json.Unmarshal(data, &a); err != nil {
		return nil, fmt.Errorf("the record of a job that has ended: %w", err)
	}
	v := a.JobView
	v.Checkpoints = a.Checkpoints
	if a.Cause != "" {
		v.Cause = errors.New(a.Cause)
	}
	for i := range v.Checkpoints.Checkpoints {
		if s := &v.Checkpoints.Checkpoints[i]; a.Declined[s.ID] != "" {
			s.Err = errors.New(a.Declined[s.ID])
		}
	}
	return &v, nil
}

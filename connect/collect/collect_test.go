package collect_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/connecttest"
)

func TestConformance(t *testing.T) {
	connecttest.Sink(t, func(*testing.T) connecttest.SinkTarget[int] {
		s := collect.To[int]()
		return connecttest.SinkTarget[int]{Sink: s, Visible: s.Results}
	}, connecttest.SinkOptions[int]{Record: func(n int) int { return n }})
}

func TestSeenDoesNotWaitForCheckpoints(t *testing.T) {
	s := collect.To[int]()
	w, err := s.Writer(connect.WriterContext{}, nil)
	if err != nil {
		t.Fatal(err)
	}
	records := []int{1, 2}
	if err := w.Write(records, []int64{0, 0}); err != nil {
		t.Fatal(err)
	}
	records[0] = 9 // belongs to the engine again
	seen := s.Seen()
	if !slices.Equal(seen, []int{1, 2}) || len(s.Results()) != 0 {
		t.Errorf("seen %v, results %v", seen, s.Results())
	}
	seen[0] = 7
	if s.Seen()[0] != 1 {
		t.Error("Seen gives its own slice away")
	}
}

func TestBrokenCommittable(t *testing.T) {
	c, err := collect.To[int]().Committer(connect.WriterContext{})
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Commit([][]byte{{0x80}}); err == nil || !strings.Contains(err.Error(), "broken: 80") {
		t.Errorf("got %v", err)
	}
}

package shards_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/connecttest"
	"github.com/flott-dev/flott/connect/print"
	"github.com/flott-dev/flott/examples/shards"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

// memory is a log in memory.
type memory map[string][]string

func (m memory) Shards() (names []string) {
	for name := range m {
		names = append(names, name)
	}
	return names
}

func (m memory) Read(shard string, from, most int) ([]string, error) {
	entries := m[shard]
	if from > len(entries) {
		return nil, errors.New("it has not so many entries")
	}
	return entries[from:min(from+most, len(entries))], nil
}

func TestSource(t *testing.T) {
	log := memory{"none": nil}
	for _, shard := range []string{"a", "b", "c"} {
		for i := range 20 {
			log[shard] = append(log[shard], fmt.Sprint(shard, i))
		}
	}
	connecttest.Source(t, func() connect.Source[string] { return shards.Source(log) }, connecttest.Options[string]{})
}

func Example() {
	log := memory{"a": {"first", "second"}}
	env := stream.NewEnv()
	stream.From(env, shards.Source(log)).To(print.Sink[string]())
	if err := launch.Run(context.Background(), env, "read"); err != nil {
		fmt.Println(err)
	}
	// Output:
	// first
	// second
}

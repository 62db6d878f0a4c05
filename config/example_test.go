package config_test

import (
	"fmt"

	"github.com/flott-dev/flott/config"
)

// A file, and over it what a command line sets.
func Example() {
	c, err := config.Parse("config.yaml", []byte("parallelism.default: 2\nstate.backend.type: rocksdb\n"))
	if err == nil {
		err = c.SetPairs("parallelism.default=4")
	}
	fmt.Println(config.Parallelism.Get(c), config.StateBackend.Get(c), config.CheckpointTimeout.Get(c), err)
	fmt.Println(c.Set("parallelism.defualt", "8"))
	// Output:
	// 4 pebble 10m0s <nil>
	// there is no option "parallelism.defualt"; did you mean "parallelism.default"?
}

package proc_test

import (
	"fmt"
	"testing/fstest"
	"time"

	"github.com/flott-dev/flott/connect/proc"
)

// A test puts files of its own in the place of /proc.
func ExampleSource() {
	root := fstest.MapFS{"1/stat": {Data: []byte("1 (init) S 0 …")}}
	source := proc.Source(proc.Options{Interval: time.Second, Root: root})
	fmt.Println("bounded:", source.Bounded())
	// Output: bounded: false
}

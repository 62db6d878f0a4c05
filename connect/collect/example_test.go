package collect_test

import (
	"context"
	"fmt"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

func ExampleTo() {
	env, out := stream.NewEnv(), collect.To[int]()
	stream.From(env, slice.Of(3, 5)).To(out)
	if err := launch.Run(context.Background(), env, "collect"); err != nil {
		fmt.Println(err)
	}
	fmt.Println(out.Results())
	// Output: [3 5]
}

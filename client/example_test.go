package client_test

import (
	"context"
	"fmt"

	"github.com/flott-dev/flott/client"
)

func Example() {
	c, err := client.New("127.0.0.1:1", client.Options{})
	if err != nil {
		panic(err)
	}
	defer c.Close()
	jobs, err := c.Jobs(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, j := range jobs {
		fmt.Println(j.ID, j.Name, j.State)
	}
	// Output:
	// no JobManager answers at http://127.0.0.1:1; start one with flott cluster start, or give another address
}

package postgrescdc_test

import (
	"context"
	"log"
	"time"

	"github.com/flott-dev/flott/connect/postgrescdc"
	"github.com/flott-dev/flott/connect/print"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

type order struct {
	Op    string
	ID    int64
	Price string
}

// Orders are printed as they are, and then whenever one changes. It needs a database.
func ExampleSource() {
	env := stream.NewEnv(stream.Checkpoint(time.Second), stream.CheckpointDir("checkpoints"))
	orders := stream.From(env, postgrescdc.Source(postgrescdc.SourceOptions{
		Host: "localhost", User: "shop", Password: "secret", Database: "shop", Tables: "orders", Slot: "flott_orders",
	}, func(c *postgrescdc.Change) (order, error) {
		values := c.New // as Columns has them: id, price
		if c.Op == postgrescdc.Delete {
			values = c.Old
		}
		price, _ := values[1].(string)
		return order{c.Op.String(), values[0].(int64), price}, nil
	}))
	orders.To(print.Sink[order]())
	if err := launch.Run(context.Background(), env, "orders"); err != nil {
		log.Fatal(err)
	}
}

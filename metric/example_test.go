package metric_test

import (
	"fmt"

	"github.com/flott-dev/flott/metric"
)

func ExampleGroup() {
	var g metric.Group
	g.Counter("retries").Add(2)
	g.Counter("retries").Add(1)
	g.Gauge("connections").Set(4)
	fmt.Println(g.Counter("retries").Value(), g.Gauge("connections").Value())
	// Output: 3 4
}

package queries

import (
	"github.com/flott-dev/flott/connect/nexmark"
	"github.com/flott-dev/flott/stream"
)

func q8(events *stream.Stream[nexmark.Event], p *Probe) { gen(events, p) }

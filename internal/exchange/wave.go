package exchange

import (
	"math"

	"github.com/flott-dev/flott/internal/operator"
)

// wave is the alignment of one loop's Epoch or Wave elements in a gate. Unlike barriers they block
// no channel: they say what has been processed before them, not what comes after. So a gate tells
// one as soon as every channel has delivered it or has ended, and what some channels send behind it
// may be processed before. A channel that comes from outside of the loop never delivers one, so
// a loop waits for the end of all inputs that lead into it.
type wave struct {
	kind operator.ControlKind
	loop int
	// told and returned are one more than the ID that was told last, of the channels from outside
	// and of the feedback channels.
	told, returned int64
}

func (g *Gate) waveFrom(c *channelState, ctl operator.Control) {
	i := 0
	for i < len(g.waves) && (g.waves[i].kind != ctl.Kind || g.waves[i].loop != ctl.Input) {
		i++
	}
	if i == len(g.waves) {
		g.waves = append(g.waves, wave{kind: ctl.Kind, loop: ctl.Input})
	}
	c.waves[c.growWaves(i)] = ctl.ID + 1
	g.checkWave(i, c.feedback)
}

// growWaves makes room for wave i.
func (c *channelState) growWaves(i int) int {
	for len(c.waves) <= i {
		c.waves = append(c.waves, 0)
	}
	return i
}

// checkWave tells wave i if all channels of a kind have got further than what was told.
func (g *Gate) checkWave(i int, feedback bool) {
	low := int64(math.MaxInt64)
	for _, c := range g.channels {
		if c.feedback == feedback && !c.ended {
			low = min(low, c.waves[c.growWaves(i)])
		}
	}
	w := &g.waves[i]
	last := &w.told
	if feedback {
		last = &w.returned
	}
	if low == math.MaxInt64 || low <= *last {
		return
	}
	*last = low
	g.events = append(g.events, Event{
		Control: operator.Control{Kind: w.kind, Input: w.loop, ID: low - 1}, Returned: feedback,
	})
}

// Command pagerank ranks the pages of a site by their links. Ranks flow along the links, round after
// round, until none changes by more than a little.
//
//	go run ./examples/pagerank
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/signal"
	"strings"

	"github.com/flott-dev/flott/connect/file"
	"github.com/flott-dev/flott/connect/print"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/state"
	"github.com/flott-dev/flott/stream"
)

const (
	damping   = 0.85
	epsilon   = 1e-6
	roundsMax = 100
)

// Link leads from one page to another.
type Link struct{ From, To string }

// Share is the part of a page's rank that a link carries.
type Share struct {
	Page string
	Rank float64
}

func main() {
	files := flag.String("links", "examples/pagerank/testdata/links.txt", "`files` of lines 'from to'")
	flag.Parse()

	env := stream.NewEnv(stream.Parallelism(2))
	job(env, *files).To(print.Sink[Share](print.Format("%+v")))

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := launch.Run(ctx, env, "page rank"); err != nil && !errors.Is(err, launch.ErrCanceled) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func job(env *stream.Env, files string) *stream.Stream[Share] {
	links := stream.TryMap(stream.From(env, file.Lines(files)), func(line string) (Link, error) {
		words := strings.Fields(line)
		if len(words) != 2 {
			return Link{}, fmt.Errorf("%d words in a line of links, want 2", len(words))
		}
		return Link{words[0], words[1]}, nil
	})
	pages := stream.FlatMap(links, func(l Link, emit func(Share)) {
		emit(Share{Page: l.From})
		emit(Share{Page: l.To})
	})
	return stream.IterateRounds(pages, roundsMax,
		func(r *stream.Rounds, shares *stream.Stream[Share]) (next, out *stream.Stream[Share]) {
			moved, ranks := stream.NewTag[string]("moved"), stream.NewTag[Share]("ranks")
			next = flow(shares, links, moved, ranks)
			stream.ContinueWhile(r, stream.Side(next, moved))
			return next, stream.Side(next, ranks)
		})
}

// flow is a round: a page adds up the shares it gets, and sends its rank along its links. The pages
// whose rank moved go to one side output, the ranks at the end of the loop to another.
func flow(shares *stream.Stream[Share], links *stream.Stream[Link], moved *stream.Tag[string],
	ranks *stream.Tag[Share],
) *stream.Stream[Share] {
	out := state.NewList[string]("out")
	sum, rank := state.NewValue[float64]("sum"), state.NewValue[float64]("rank")
	return stream.ProcessBoth(stream.ConnectKeyed(
		stream.KeyBy(shares, func(s Share) string { return s.Page }),
		stream.KeyBy(links, func(l Link) string { return l.From })),
		func(c *stream.Ctx[string, Share], s Share) error {
			n, _ := sum.Get(c)
			sum.Set(c, n+s.Rank)
			return nil
		},
		func(c *stream.Ctx[string, Share], l Link) error {
			out.Add(c, l.To)
			return nil
		},
		stream.Uses(out, sum, rank),
		stream.OnRound(func(c *stream.Ctx[string, Share], round int) error {
			now := 1.0
			if got, _ := sum.Get(c); round > 0 {
				now = 1 - damping + damping*got
			}
			if before, _ := rank.Get(c); math.Abs(now-before) > epsilon {
				moved.Emit(c, c.Key())
			}
			rank.Set(c, now)
			sum.Clear(c)
			// A page that nobody links to sends itself nothing, to have its turn in the next round.
			c.Emit(Share{Page: c.Key()})
			targets := out.Get(c)
			for _, to := range targets {
				c.Emit(Share{to, now / float64(len(targets))})
			}
			return nil
		}),
		stream.OnLastRound(func(c *stream.Ctx[string, Share]) error {
			now, _ := rank.Get(c)
			ranks.Emit(c, Share{c.Key(), now})
			return nil
		})).Name("rank").UID("rank")
}

// Command wordcount counts the words of text files and prints each word's new count as it changes.
//
//	go run ./examples/wordcount -files 'logs/*.txt'
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"

	"github.com/flott-dev/flott/connect/file"
	"github.com/flott-dev/flott/connect/print"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

// Count is how often a word has been seen so far.
type Count struct {
	Word string
	N    int64
}

func main() {
	files := flag.String("files", "examples/wordcount/testdata/*.txt", "the `files` to read")
	flag.Parse()

	env := stream.NewEnv(stream.Parallelism(2))
	job(env, *files).To(print.Sink[Count](print.Format("%+v")))

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := launch.Run(ctx, env, "word count"); err != nil && !errors.Is(err, launch.ErrCanceled) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func job(env *stream.Env, files string) *stream.Stream[Count] {
	lines := stream.From(env, file.Lines(files))
	words := stream.FlatMap(lines, func(line string, emit func(string)) {
		for w := range strings.FieldsSeq(line) {
			emit(w)
		}
	})
	counts := stream.Scan(stream.KeyBy(words, func(w string) string { return w }),
		func(c *stream.Ctx[string, Count], n *int64, w string) error {
			*n++
			c.Emit(Count{w, *n})
			return nil
		})
	return counts.Name("count").UID("count")
}

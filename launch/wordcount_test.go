package launch_test

import (
	"context"
	"strings"
	"testing"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

type wordCount struct {
	Word string
	N    int64
}

func TestWordCount(t *testing.T) {
	for _, p := range []int{1, 2, 5} {
		env := stream.NewEnv(stream.Parallelism(p))
		lines := stream.From(env, slice.Of("a b a", "b c", "", "a"))
		words := stream.FlatMap(lines, func(line string, emit func(string)) {
			for w := range strings.FieldsSeq(line) {
				emit(w)
			}
		})
		counts := stream.Scan(stream.KeyBy(words, func(w string) string { return w }),
			func(c *stream.Ctx[string, wordCount], n *int64, w string) error {
				*n++
				c.Emit(wordCount{w, *n})
				return nil
			})
		out := collect.To[wordCount]()
		counts.To(out)
		if err := launch.Run(context.Background(), env, "word count"); err != nil {
			t.Fatal(err)
		}
		last := map[string]int64{}
		for _, c := range out.Results() {
			last[c.Word] = max(last[c.Word], c.N)
		}
		if len(out.Results()) != 6 || last["a"] != 3 || last["b"] != 2 || last["c"] != 1 {
			t.Fatalf("parallelism %d: %v", p, out.Results())
		}
	}
}

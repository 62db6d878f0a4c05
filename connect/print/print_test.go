package print_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/flott-dev/flott/connect/print"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

type point struct{ X, Y int }

func TestPrint(t *testing.T) {
	points := []point{{1, 2}, {3, 4}, {5, 6}}
	for _, tc := range []struct {
		name    string
		options []print.Option
		want    string
	}{
		{"plain", nil, "{1 2}\n{3 4}\n{5 6}\n"},
		{"prefix", []print.Option{print.Prefix()}, "0> {1 2}\n1> {3 4}\n2> {5 6}\n"},
		{"format", []print.Option{print.Format("%+v")}, "{X:1 Y:2}\n{X:3 Y:4}\n{X:5 Y:6}\n"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			var b bytes.Buffer
			env := stream.NewEnv(stream.Parallelism(3))
			stream.From(env, slice.Of(points...)).Rebalance().
				To(print.Sink[point](append(tc.options, print.To(&b))...))
			if err := launch.Run(context.Background(), env, "print"); err != nil {
				t.Fatal(err)
			}
			lines := strings.SplitAfter(b.String(), "\n")
			slices.Sort(lines)
			got := strings.Join(lines, "")
			if tc.name == "prefix" {
				// Which subtask gets which record is not fixed.
				for _, l := range lines[1:] {
					if len(l) < 3 || !strings.Contains("012", l[:1]) || l[1:3] != "> " {
						t.Errorf("%q has no prefix", l)
					}
				}
				return
			}
			if got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}

type broken struct{}

func (broken) Write([]byte) (int, error) { return 0, errors.New("pipe is closed") }

func TestWriteErrorFailsTheJob(t *testing.T) {
	env := stream.NewEnv()
	stream.From(env, slice.Of(1)).To(print.Sink[int](print.To(broken{})))
	err := launch.Run(context.Background(), env, "print")
	if err == nil || !strings.Contains(err.Error(), "pipe is closed") {
		t.Errorf("the error is %v", err)
	}
}

func ExampleSink() {
	env := stream.NewEnv()
	stream.From(env, slice.Of("a", "b")).To(print.Sink[string](print.Prefix()))
	if err := launch.Run(context.Background(), env, "print"); err != nil {
		fmt.Println(err)
	}
	// Output:
	// 0> a
	// 0> b
}

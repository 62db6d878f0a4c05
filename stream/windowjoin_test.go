package stream_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/flotttest"
	"github.com/flott-dev/flott/stream"
	"github.com/flott-dev/flott/window"
)

// pairs are two inputs of strings "key value".
type pairs struct {
	left, right *flotttest.Input[string]
	lateLeft    *flotttest.Probe[string]
	lateRight   *flotttest.Probe[string]
}

func newPairs() *pairs {
	return &pairs{
		flotttest.NewInput[string](), flotttest.NewInput[string](),
		flotttest.NewProbe[string](), flotttest.NewProbe[string](),
	}
}

func keyOf(s string) string { return s[:1] }

func (p *pairs) keyed(env *stream.Env) (a, b *stream.Keyed[string, string]) {
	return stream.KeyBy(p.left.Stream(env), keyOf), stream.KeyBy(p.right.Stream(env), keyOf)
}

func sortedText(values []string) string {
	slices.Sort(values)
	return strings.Join(values, " ")
}

func TestWindowJoins(t *testing.T) {
	text := func(s *string) string {
		if s == nil {
			return "-"
		}
		return *s
	}
	for kind, want := range map[stream.JoinKind]string{
		stream.InnerJoin: "a1/a3 a2/a3",
		stream.LeftJoin:  "a1/a3 a2/a3 b1/-",
		stream.RightJoin: "-/c1 a1/a3 a2/a3",
		stream.FullJoin:  "-/c1 a1/a3 a2/a3 b1/-",
	} {
		for _, a := range []window.Assigner{
			window.Tumbling(10 * time.Second), window.Session(4 * time.Second), window.Cumulating(10*time.Second, 10*time.Second),
		} {
			p := newPairs()
			h := flotttest.New(t, func(env *stream.Env) *stream.Stream[string] {
				l, r := p.keyed(env)
				return stream.JoinWindowOuter(kind, l, r, a, func(l, r *string) string { return text(l) + "/" + text(r) })
			}, flotttest.Parallelism(2))
			p.left.Push("a1", 1000)
			p.left.Push("b1", 2000)
			p.right.Push("c1", 2000)
			p.right.Push("a3", 3000)
			h.Restore(h.Snapshot(), 3)
			p.left.Push("a2", 6000)
			h.Watermark(10000)
			h.Watermark(20000)
			if got := sortedText(h.Out.Values()); got != want {
				t.Errorf("%s, kind %d: got %q, want %q", a.Name(), kind, got, want)
			}
			if n := h.Snapshot().Bytes(""); n > 0 {
				t.Errorf("%s: %d bytes of state are left", a.Name(), n)
			}
		}
	}
}

// TestJoinKeepsWindowsApart has records of one key in different windows.
func TestJoinKeepsWindowsApart(t *testing.T) {
	p := newPairs()
	h := flotttest.New(t, func(env *stream.Env) *stream.Stream[string] {
		l, r := p.keyed(env)
		return stream.JoinWindow(l, r, window.Sliding(4*time.Second, 2*time.Second), func(l, r string) string { return l + r })
	})
	p.left.Push("a1", 1000)  // windows from -2, 0
	p.right.Push("a2", 3000) // 0, 2
	p.right.Push("a3", 7000) // 4, 6
	p.left.Push("a4", 5000)  // 2, 4
	h.Watermark(100000)
	if got, want := sortedText(h.Out.Values()), "a1a2 a4a2 a4a3"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestCoGroupLateness(t *testing.T) {
	for _, general := range []bool{false, true} {
		p := newPairs()
		late := [2]*stream.Tag[string]{stream.NewTag[string]("late left"), stream.NewTag[string]("late right")}
		h := flotttest.New(t, func(env *stream.Env) *stream.Stream[string] {
			l, r := p.keyed(env)
			options := []stream.CoOption{
				stream.Lateness(5 * time.Second), stream.LateLeftTo(late[0]), stream.LateRightTo(late[1]),
			}
			if general {
				options = append(options, stream.WithTrigger(window.EventTime[stream.Either[string, string]]()))
			}
			out := stream.CoGroup(l, r, window.Tumbling(10*time.Second),
				func(c *stream.WindowCtx[string, string], l, r []string) error {
					c.Emit(fmt.Sprint(c.Key(), l, r))
					return nil
				}, options...)
			p.lateLeft.Read(stream.Side(out, late[0]))
			p.lateRight.Read(stream.Side(out, late[1]))
			return out
		}, flotttest.Slow())
		p.left.Push("a1", 1000)
		h.Watermark(10000)
		p.right.Push("a2", 2000)
		h.Watermark(15000)
		p.right.Push("a3", 2000)
		p.left.Push("a4", 1)
		if got, want := strings.Join(h.Out.Values(), " "), "a[a1] [] a[a1] [a2]"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if l, r := sortedText(p.lateLeft.Values()), sortedText(p.lateRight.Values()); l != "a4" || r != "a3" {
			t.Errorf("late: %q, %q", l, r)
		}
	}
}

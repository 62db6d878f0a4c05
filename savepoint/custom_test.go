package savepoint_test

import (
	"context"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/savepoint"
	"github.com/flott-dev/flott/state"
	"github.com/flott-dev/flott/stream"
)

func numbers(env *stream.Env, n ...int64) *stream.Stream[int64] {
	return stream.From(env, slice.Of(n...))
}

// shade is a type that only its codec can encode.
type shade interface{ light() byte }

type grey byte

func (g grey) light() byte { return byte(g) }

func appendShade(dst []byte, s *shade) []byte { return append(dst, (*s).light()) }

func decodeShade(src []byte, s *shade) ([]byte, error) {
	if len(src) == 0 {
		return nil, errors.New("no shade")
	}
	*s = grey(src[0])
	return src[1:], nil
}

// hidden has fields, of which none is encoded.
type hidden struct {
	Cache int `flott:"-"`
}

type painted struct {
	Shade shade
	Dots  []hidden
	Bars  []struct{}
	After string
}

// painter keeps states of types with a codec of their own, and lists with and without time to live.
func painter(s *stream.Stream[int64]) *stream.Stream[string] {
	last := state.NewValue[painted]("last")
	all, dots := state.NewList[shade]("all", state.TTL(time.Hour)), state.NewList[hidden]("dots")
	return stream.Process(stream.KeyBy(s, func(v int64) int64 { return v % 2 }),
		func(c *stream.Ctx[int64, string], v int64) error {
			time.Sleep(time.Second)
			last.Set(c, painted{grey(v), make([]hidden, v), make([]struct{}, v+1), "x"})
			all.Add(c, shade(grey(v)))
			dots.Add(c, hidden{1})
			var text []byte
			for _, s := range all.Get(c) {
				text = append(text, 'a'+s.light())
			}
			p, _ := last.Get(c)
			c.Emit(string(text) + strings.Repeat(".", len(p.Dots)) + strings.Repeat("|", len(p.Bars)))
			return nil
		}, stream.Uses(last, all, dots)).UID("painter")
}

// paint runs painter, from a savepoint if there is one, and returns another and the results.
func paint(t *testing.T, from string, n ...int64) (path string, results []string) {
	t.Helper()
	out := collect.To[string]()
	env := stream.NewEnv(stream.MaxParallelism(16), stream.RuntimeMode(stream.Streaming),
		stream.WithCodec("shade", appendShade, decodeShade))
	painter(numbers(env, n...)).To(out)
	options := []launch.Option{launch.BatchRows(1)} // the clock is read once for each batch
	if from != "" {
		options = append(options, launch.RestoreFrom(from, launch.NoClaim))
	}
	path, err := launch.Bootstrap(t.Context(), env, "painter", t.TempDir(), options...)
	if err != nil {
		t.Fatal(err)
	}
	return path, out.Results()
}

func TestCustomCodecs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path, _ := paint(t, "", 1, 2, 3, 5)
		plain, err := savepoint.Open(context.Background(), path)
		if err != nil {
			t.Fatal(err)
		}
		st, err := plain.State("painter", "last")
		if err != nil {
			t.Fatal(err)
		}
		rows, err := st.Get("1")
		if err != nil || len(rows) != 1 {
			t.Fatalf("%v, %v", rows, err)
		}
		want := `{"Shade":"shade(0x05)","Dots":[{},{},{},{},{}],"Bars":[{},{},{},{},{},{}],"After":"x"}`
		if got := savepoint.Text(rows[0].Value); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if _, _, err := savepoint.Get[int64, painted](st, 1); err == nil || !strings.Contains(err.Error(), "savepoint.WithCodec") {
			t.Errorf("without its codec: %v", err)
		}
		s, err := savepoint.Open(context.Background(), path, savepoint.WithCodec("shade", appendShade, decodeShade))
		if err != nil {
			t.Fatal(err)
		}
		if st, err = s.State("painter", "last"); err != nil {
			t.Fatal(err)
		}
		p, ok, err := savepoint.Get[int64, painted](st, 1)
		if err != nil || !ok || p.Shade != grey(5) || len(p.Dots) != 5 || p.After != "x" {
			t.Errorf("%+v, %v, %v", p, ok, err)
		}
		dots, err := s.State("painter", "dots")
		if err != nil {
			t.Fatal(err)
		}
		if d, _, err := savepoint.Get[int64, []hidden](dots, 1); err != nil || len(d) != 3 {
			t.Errorf("%v, %v", d, err)
		}
	})
}

// TestChangeItems changes lists item by item; each keeps the time at which it expires.
func TestChangeItems(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path, _ := paint(t, "", 1, 3, 5, 7, 2)
		s, err := savepoint.Open(context.Background(), path, savepoint.WithCodec("shade", appendShade, decodeShade))
		if err != nil {
			t.Fatal(err)
		}
		var times []int64
		w := savepoint.NewWriter(nil)
		w.Graft(s, "painter")
		savepoint.ChangeItems(w, "painter", "all", func(i savepoint.Typed[int64, shade]) (shade, bool) {
			if i.Key == 1 {
				times = append(times, i.Row.At)
			}
			return grey(i.Value.light() + 10), i.Value.light() != 3
		})
		savepoint.ChangeItems(w, "painter", "dots", func(i savepoint.Typed[int64, hidden]) (hidden, bool) {
			return hidden{}, i.Key == 1
		})
		savepoint.Change(w, "painter", "last", func(e savepoint.Typed[int64, painted]) (painted, bool) {
			e.Value.After = "y"
			return e.Value, true
		})
		changed := written(t, w)
		if len(times) != 4 || times[1]-times[0] != 1000 || times[3]-times[0] != 3000 {
			t.Errorf("the items were added at %v", times)
		}
		time.Sleep(time.Hour - 4*time.Second) // all but the last of the items of key 1 expire by the second record
		if _, got := paint(t, changed, 0, 1); !slices.Equal(got, []string{"ma|", "rb.||"}) {
			t.Errorf("got %q", got)
		}
		w = savepoint.NewWriter(s)
		savepoint.ChangeItems(w, "painter", "last", func(i savepoint.Typed[int64, shade]) (shade, bool) { return i.Value, true })
		savepoint.Change(w, "painter", "all", func(i savepoint.Typed[int64, []shade]) ([]shade, bool) { return i.Value, true })
		err = w.Write(t.Context(), filepath.Join(t.TempDir(), "x"))
		if err == nil || !strings.Contains(err.Error(), "it with savepoint.Change\n") ||
			!strings.Contains(err.Error(), "with savepoint.ChangeItems") {
			t.Errorf("got %v", err)
		}
	})
}

// TestOperatorStateStaysDescribed: what is rewritten can be converted as what was there.
func TestOperatorStateStaysDescribed(t *testing.T) {
	type old struct{ N int32 }
	type is struct {
		N    int64
		Note string
	}
	s := bootstrapped(t, 11)
	w := savepoint.NewWriter(nil)
	w.Graft(s, "totals")
	savepoint.SetList(w, "totals", "kept", old{7}, old{8})
	again, err := savepoint.Open(context.Background(), written(t, w))
	if err != nil {
		t.Fatal(err)
	}
	w = savepoint.NewWriter(nil)
	w.Graft(again, "totals")
	path := written(t, w)
	env := stream.NewEnv(stream.MaxParallelism(16), stream.RuntimeMode(stream.Streaming))
	out := collect.To[int64]()
	stream.ProcessEach(numbers(env, 1), func(t *stream.Task) (func(*stream.Emitter[int64], int64) error, error) {
		items, err := stream.OperatorList[is](t, "kept")
		return func(c *stream.Emitter[int64], _ int64) error {
			for _, item := range items.Get() {
				c.Emit(item.N)
			}
			return nil
		}, err
	}).UID("totals").To(out)
	err = launch.Run(t.Context(), env, "kept", launch.RestoreFrom(path, launch.NoClaim), launch.AllowNonRestoredState())
	if err != nil || !slices.Equal(slices.Sorted(slices.Values(out.Results())), []int64{7, 8}) {
		t.Errorf("%v, %v", out.Results(), err)
	}
}

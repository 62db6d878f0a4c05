package connecttest

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/slice"
)

// recorder is a test that keeps why it failed, and stops by a panic.
type recorder struct {
	testing.TB
	failure string
}

func (r *recorder) Helper()        {}
func (r *recorder) Cleanup(func()) {}

func (r *recorder) Fatal(args ...any) { r.Fatalf("%s", fmt.Sprint(args...)) }

func (r *recorder) Fatalf(format string, args ...any) {
	r.failure = fmt.Sprintf(format, args...)
	panic(r)
}

// wrong is slice.Sequence(0, 9) with one thing wrong.
type wrong struct {
	connect.Source[int64]
	poll     func(r connect.Reader[int64], out *connect.Output[int64]) (connect.Status, error)
	snapshot func(s []connect.Split) []connect.Split
}

func (w wrong) Reader(ctx connect.ReaderContext) (connect.Reader[int64], error) {
	r, err := w.Source.Reader(ctx)
	return wrongReader{r, w}, err
}

type wrongReader struct {
	connect.Reader[int64]
	w wrong
}

func (r wrongReader) Poll(out *connect.Output[int64]) (connect.Status, error) {
	if r.w.poll != nil {
		return r.w.poll(r.Reader, out)
	}
	return r.Reader.Poll(out)
}

func (r wrongReader) Snapshot() ([]connect.Split, error) {
	s, err := r.Reader.Snapshot()
	if r.w.snapshot != nil {
		s = r.w.snapshot(s)
	}
	return s, err
}

func TestDriverFindsFaults(t *testing.T) {
	type reader = connect.Reader[int64]
	type output = *connect.Output[int64]
	for _, tc := range []struct {
		name string
		w    wrong
		want string
	}{
		{"foreign split", wrong{poll: func(_ reader, out output) (connect.Status, error) {
			out.Split("elsewhere")
			out.Emit(1)
			return connect.More, nil
		}}, `records of split "elsewhere", which it does not have`},
		{"early end", wrong{poll: func(reader, output) (connect.Status, error) {
			return connect.Ended, nil
		}}, "ended with unfinished splits"},
		{
			"lost split",
			wrong{snapshot: func([]connect.Split) []connect.Split { return nil }},
			"but its snapshot is of []",
		},
		{"double split", wrong{snapshot: func(s []connect.Split) []connect.Split {
			if len(s) > 0 {
				s[0].ID = "other"
			}
			return s
		}}, `split "other" of its snapshot is finished, twice or not its own`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			r := &recorder{TB: t}
			defer func() {
				if p := recover(); p != nil && p != any(r) {
					panic(p)
				}
				if !strings.Contains(r.failure, tc.want) {
					t.Errorf("the failure is %q, want %q", r.failure, tc.want)
				}
			}()
			tc.w.Source = slice.Sequence(0, 9)
			d := NewDriver[int64](r, tc.w, 1, nil)
			defer d.Close()
			if _, err := d.Poll(0); err != nil {
				t.Fatal(err)
			}
			d.Snapshot()
		})
	}
}

func TestCompare(t *testing.T) {
	for _, tc := range []struct{ got, want, part, failure string }{
		{"a b b", "a b b", "", ""},
		{"a b", "a b b", "", "1 records are missing: b"},
		{"a b b", "a b", "", "b appears too often"},
		{"a c", "a b c", "", "b is missing"},
		{"a c", "a b c", "part", ""},
		{"a a", "a b", "part", "a appears too often"},
		{"d", "a", "part", "d appears too often"},
		{"", "a", "part", ""},
	} {
		r := &recorder{TB: t}
		func() {
			defer func() { _ = recover() }()
			compare(r, strings.Fields(tc.got), strings.Fields(tc.want), tc.part != "")
		}()
		if !strings.Contains(r.failure, tc.failure) || tc.failure == "" && r.failure != "" {
			t.Errorf("%+v: the failure is %q", tc, r.failure)
		}
	}
}

// TestSlowEnd: what takes longer than a second to end, each time, is found.
func TestSlowEnd(t *testing.T) {
	slow := func(times int) *failures {
		f, n := &failures{TB: t}, 0
		synctest.Test(t, func(*testing.T) {
			endsSoon(f, func() func() {
				return func() {
					if n++; n <= times {
						time.Sleep(endMax + 1)
					}
				}
			})
		})
		return f
	}
	if f := slow(2); f.n != 0 {
		t.Errorf("%d failures, though the third time was quick", f.n)
	}
	if f := slow(3); f.n != 1 {
		t.Errorf("%d failures of what is slow three times", f.n)
	}
}

// failures counts the failures of a test.
type failures struct {
	testing.TB
	n int
}

func (f *failures) Errorf(string, ...any) { f.n++ }

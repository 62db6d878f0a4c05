package savepoint_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/savepoint"
	"github.com/flott-dev/flott/stream"
)

// digit is a key that is neither a number nor a string.
type digit struct {
	Even bool
	N    int16
}

func digitOf(v int64) digit { return digit{v%13%2 == 0, int16(v % 13)} }

func digitText(d digit) string { return strings.Repeat("k", int(d.N)) }

// TestRekey stops a job, and goes on with keys of another type: with all kinds of keys before and after.
func TestRekey(t *testing.T) {
	number := func(v int64) int64 { return v % 13 }
	numberText := func(k int64) string { return strings.Repeat("k", int(k)) }
	same := func(k string) string { return k }
	uids := []string{"timers", "aligned", "sessions", "panes"}
	for _, c := range []struct {
		name        string
		first, then func(env *stream.Env, out *collect.Sink[string])
		rekey       func(w *savepoint.Writer, uid string)
	}{
		{"number to text", func(env *stream.Env, out *collect.Sink[string]) {
			steppedBy(env, out, number, numberText)
		}, stepped, func(w *savepoint.Writer, uid string) {
			savepoint.Rekey(w, uid, func(k int64) (string, error) { return numberText(k), nil })
		}},
		{"text to struct", stepped, func(env *stream.Env, out *collect.Sink[string]) {
			steppedBy(env, out, digitOf, digitText)
		}, func(w *savepoint.Writer, uid string) {
			savepoint.Rekey(w, uid, func(k string) (digit, error) { return digitOf(int64(len(k))), nil })
		}},
		{"struct to number", func(env *stream.Env, out *collect.Sink[string]) {
			steppedBy(env, out, digitOf, digitText)
		}, func(env *stream.Env, out *collect.Sink[string]) {
			steppedBy(env, out, number, numberText)
		}, func(w *savepoint.Writer, uid string) {
			savepoint.Rekey(w, uid, func(k digit) (int64, error) { return int64(k.N), nil })
			w.MaxParallelism(11, uid)
		}},
		{"text to other text", func(env *stream.Env, out *collect.Sink[string]) {
			steppedBy(env, out, func(v int64) string { return steppedText(v) + "!" },
				func(k string) string { return strings.TrimSuffix(k, "!") })
		}, func(env *stream.Env, out *collect.Sink[string]) {
			steppedBy(env, out, steppedText, same)
		}, func(w *savepoint.Writer, uid string) {
			savepoint.Rekey(w, uid, func(k string) (string, error) { return strings.TrimSuffix(k, "!"), nil })
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				whole, out, rest := collect.To[string](), collect.To[string](), collect.To[string]()
				env := stream.NewEnv(stream.MaxParallelism(8))
				stepped(env, whole)
				if err := launch.Run(t.Context(), env, "whole"); err != nil {
					t.Fatal(err)
				}
				env = stream.NewEnv(stream.MaxParallelism(8), stream.Parallelism(2))
				c.first(env, out)
				path := stopAfter(t, env, 7*time.Second+3*time.Millisecond)
				s, err := savepoint.Open(context.Background(), path)
				if err != nil {
					t.Fatal(err)
				}
				w := savepoint.NewWriter(s)
				for _, uid := range uids {
					c.rekey(w, uid)
				}
				env = stream.NewEnv(stream.Parallelism(3), stream.MaxParallelism(8))
				if c.name == "struct to number" {
					env = stream.NewEnv(stream.Parallelism(3), stream.MaxParallelism(11))
					w.MaxParallelism(11)
				}
				c.then(env, rest)
				path = written(t, w)
				if err := launch.Run(t.Context(), env, "second", launch.RestoreFrom(path, launch.NoClaim)); err != nil {
					t.Fatal(err)
				}
				got, want := countsOf(append(out.Results(), rest.Results()...)), countsOf(whole.Results())
				if len(rest.Results()) == 0 || len(out.Results()) == 0 || !maps.Equal(got, want) {
					t.Errorf("%d and %d results, which are not those of an undisturbed run", len(out.Results()),
						len(rest.Results()))
				}
			})
		})
	}
}

// stopAfter runs a job for a time and stops it with a savepoint.
func stopAfter(t *testing.T, env *stream.Env, d time.Duration) (path string) {
	t.Helper()
	j, err := launch.Start(t.Context(), env, "first")
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(d)
	if path, err = j.StopWithSavepoint(t.Context(), t.TempDir(), false); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestRekeyErrors(t *testing.T) {
	s := bootstrapped(t, 11, 21, 2, 5)
	for name, c := range map[string]struct {
		rekey func(w *savepoint.Writer)
		want  []string
	}{
		"two keys become one": {func(w *savepoint.Writer) {
			savepoint.Rekey(w, "totals", func(k int64) (string, error) { return fmt.Sprint(k % 4), nil })
		}, []string{`operator "totals"`, "keys 1 and 5 both become 1", "5 and 1"}},
		"refused": {func(w *savepoint.Writer) {
			savepoint.Rekey(w, "totals", func(k int64) (string, error) {
				if k == 5 {
					return "", errors.New("it has no name")
				}
				return fmt.Sprint(k), nil
			})
		}, []string{"the new key of 5: it has no name"}},
		"another type": {func(w *savepoint.Writer) {
			savepoint.Rekey(w, "totals", func(k string) (string, error) { return k, nil })
		}, []string{"keys of type int64, not string"}},
		"no operator": {func(w *savepoint.Writer) {
			savepoint.Rekey(w, "total", func(k string) (string, error) { return k, nil })
		}, []string{`did you mean "totals"?`}},
	} {
		w := savepoint.NewWriter(nil)
		w.Graft(s, "totals")
		c.rekey(w)
		err := w.Write(t.Context(), filepath.Join(t.TempDir(), "x"))
		if err == nil || !strings.Contains(err.Error(), c.want[0]) ||
			len(c.want) == 3 && !strings.Contains(err.Error(), c.want[1]) && !strings.Contains(err.Error(), c.want[2]) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestChangedKeyIsRefused: a job cannot give its state other keys by itself, and says what can.
func TestChangedKeyIsRefused(t *testing.T) {
	s := bootstrapped(t, 11)
	w := savepoint.NewWriter(nil)
	w.Graft(s, "totals")
	savepoint.Rekey(w, "totals", func(k int64) (string, error) { return fmt.Sprint(k), nil })
	path := written(t, w)
	env := stream.NewEnv(stream.MaxParallelism(16), stream.RuntimeMode(stream.Streaming))
	totals(numbers(env, 1)).To(collect.To[[2]int64]())
	err := launch.Run(t.Context(), env, "totals", launch.RestoreFrom(path, launch.NoClaim))
	if err == nil || !strings.Contains(err.Error(), "savepoint.Rekey") ||
		!strings.Contains(err.Error(), "the key of the snapshot is string, that of the job int64") {
		t.Errorf("got %v", err)
	}
}

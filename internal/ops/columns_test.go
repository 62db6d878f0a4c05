package ops

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/batch"
	"github.com/flott-dev/flott/internal/clock"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/metric"
	"github.com/flott-dev/flott/row"
)

// scripted is a source whose reader gives one line after the other: "split n n …", with a full stop
// behind the last row of a split. It waits where a line is empty, and 1.5 s pass where the line is "wait".
type scripted struct{ lines []string }

var scriptedSchema = &row.Schema{Fields: []row.Field{{Name: "n", Type: row.Of(row.BigInt)}}}

func (s *scripted) Schema() *row.Schema { return scriptedSchema }
func (s *scripted) Bounded() bool       { return true }

func (s *scripted) Enumerator(connect.EnumeratorContext, []byte) (connect.Enumerator, error) {
	return nil, nil
}
func (s *scripted) Reader(connect.ReaderContext) (connect.ColumnReader, error) { return s, nil }
func (s *scripted) Assign([]connect.Split) error                               { return nil }
func (s *scripted) NoMoreSplits()                                              {}
func (s *scripted) Snapshot() ([]connect.Split, error)                         { return []connect.Split{{ID: "a"}}, nil }
func (s *scripted) Close() error                                               { return nil }

func (s *scripted) Poll(out *connect.ColumnOutput) (connect.Status, error) {
	if len(s.lines) == 0 {
		return connect.Ended, nil
	}
	words := strings.Fields(s.lines[0])
	s.lines = s.lines[1:]
	if len(words) == 0 {
		return connect.Waiting, nil
	}
	out.Split(words[0])
	for _, w := range words[1:] {
		if w == "." {
			out.Finished()
			continue
		}
		var n int64
		fmt.Sscan(w, &n)
		out.Batch.Cols[0].AppendI64(n)
		out.Add(row.Insert)
	}
	return connect.More, nil
}

// columnJournal notes rows and marks in order.
type columnJournal struct{ got []string }

func (j *columnJournal) Push(b *batch.Columns) bool {
	marks := b.Marks
	for i := 0; ; i++ {
		for ; len(marks) > 0 && marks[0].Row == i; marks = marks[1:] {
			at := fmt.Sprint("<", marks[0].Time, ">")
			if marks[0].Time == batch.MaxTime {
				at = "<end>"
			}
			j.got = append(j.got, at)
		}
		if i == b.Len() {
			break
		}
		j.got = append(j.got, fmt.Sprint(b.Cols[0].I64[b.Row(i)]))
	}
	b.Release()
	return true
}

// TestColumnSourceWatermarks combines the watermarks of splits, of which some end and some are idle.
func TestColumnSourceWatermarks(t *testing.T) {
	for _, tc := range []struct{ name, script, want string }{
		{"one split", "a 1 2|a 3", "1 <1> 2 <2> 3 <3> <end>"},
		{"the least of two", "a 1 2|b 1|b 5|a 3 9|b 6", "1 <1> 2 <2> 1 5 3 <3> 9 <5> 6 <6> <end>"},
		{"one that ends, behind its rows", "b 1|a 0|b 8|a 4 .|b 9", "1 <1> 0 8 4 <4> <8> 9 <9> <end>"},
		{"one that is idle", "a 1|b 5||wait|b 7||a 2 6", "1 <1> 5 7 <7> 2 6 <end>"},
		{"all that are", "a 1||wait||a 2", "1 <1> idle active 2 <2> <end>"},
		{"a batch without rows", "a|a 1", "1 <1> <end>"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := runScript(t, tc.script, false); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
	if got, want := runScript(t, "a 1 2|b 1|a 3", true), "1 2 1 3 <end>"; got != want {
		t.Errorf("in batch mode: got %s, want %s", got, want)
	}
}

func runScript(t *testing.T, script string, isBatch bool) string {
	t.Helper()
	c := clock.NewManual(time.Unix(1000, 0))
	src := &scripted{strings.Split(strings.ReplaceAll(script, "wait", "#"), "|")}
	s := NewColumnSource(&ColumnSourceConfig{
		Source: src, IdleTimeout: time.Second,
		Watermarks: func() func(*batch.Columns) {
			return func(b *batch.Columns) {
				for i, n := range b.Cols[0].I64 {
					b.Marks = append(b.Marks, batch.Mark{Row: i + 1, Time: n})
				}
			}
		},
	})
	j := &columnJournal{}
	if err := s.Connect("", j); err != nil {
		t.Fatal(err)
	}
	err := s.Open(&operator.Context{
		Cancelled: context.Background(), Clock: c, Metrics: &metric.Group{}, Batch: isBatch,
		Mail: func(f func()) { f() }, WakeAt: func(int64) {}, WakeAtTime: func(time.Time) {},
		Send: func(c operator.Control) {
			j.got = append(j.got, map[operator.ControlKind]string{operator.Idle: "idle", operator.Active: "active"}[c.Kind])
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	for {
		if len(src.lines) > 0 && src.lines[0] == "#" {
			src.lines = src.lines[1:]
			c.Advance(1500 * time.Millisecond)
			if len(src.lines) > 0 && src.lines[0] == "" {
				s.ProcessingTime(c.Now().UnixMilli())
			}
		}
		if s.Poll() == operator.Ended {
			break
		}
	}
	var snapshot operator.Snapshot
	if err := s.Snapshot(&snapshot); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	return strings.Join(slices.DeleteFunc(j.got, func(s string) bool { return s == "" }), " ")
}

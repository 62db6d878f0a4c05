package operator

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/flott-dev/flott/internal/codec"
)

// TestEveryKeyGroupHasOneOwner is for any parallelism up to the number of key groups.
func TestEveryKeyGroupHasOneOwner(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		groups := rapid.IntRange(1, 2000).Draw(t, "maximum parallelism")
		p := rapid.IntRange(1, groups).Draw(t, "parallelism")
		next := 0
		least, most := groups, 0
		for s := range p {
			first, last := KeyGroupRange(groups, p, s)
			if first != next || last < first {
				t.Fatalf("subtask %d owns %d … %d, want it to begin at %d", s, first, last, next)
			}
			for kg := first; kg <= last; kg++ {
				if o := SubtaskOf(kg, groups, p); o != s {
					t.Fatalf("key group %d is in the range of %d, but goes to %d", kg, s, o)
				}
			}
			least, most = min(least, last-first+1), max(most, last-first+1)
			next = last + 1
		}
		if next != groups {
			t.Fatalf("%d of %d key groups have an owner", next, groups)
		}
		if most-least > 1 {
			t.Fatalf("subtasks own from %d to %d key groups", least, most)
		}
	})
}

// TestRedistribute deals states of p subtasks out to q: keyed state to the owner of its group, list
// items once, union items and broadcast state to all.
func TestRedistribute(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const groups = 16
		p := rapid.IntRange(1, groups).Draw(t, "before")
		q := rapid.IntRange(1, groups).Draw(t, "after")
		var old []*State
		var lists, unions []string
		for s := range p {
			if s > 0 && rapid.IntRange(0, 5).Draw(t, "nothing") == 0 {
				old = append(old, nil)
				continue
			}
			w := &Snapshot{}
			first, last := KeyGroupRange(groups, p, s)
			for kg := first; kg <= last; kg++ {
				w.Keyed("k", kg, fmt.Append(nil, "group ", kg))
			}
			for i := range rapid.IntRange(0, 3).Draw(t, "items") {
				for _, name := range []string{"a", "b"} {
					item := fmt.Sprint(name, s, "/", i)
					w.List(name, []byte(item))
					lists = append(lists, item)
				}
				u := fmt.Sprint("u", s, "/", i)
				w.Union("u", []byte(u))
				unions = append(unions, u)
			}
			w.Broadcast("all", []byte("same"))
			old = append(old, &w.State)
		}
		owned := map[int]int{}
		var dealt []string
		for s := range q {
			now := Redistribute(old, groups, q, s)
			for _, section := range now.Keyed {
				kg := section.Group
				owned[kg]++
				data, _ := section.Data.Load()
				if SubtaskOf(kg, groups, q) != s || string(data) != fmt.Sprint("group ", kg) {
					t.Fatalf("subtask %d gets key group %d: %q", s, kg, data)
				}
			}
			for _, name := range []string{"a", "b"} {
				for _, item := range now.List[name] {
					dealt = append(dealt, string(item))
				}
			}
			var u []string
			for _, item := range now.Union["u"] {
				u = append(u, string(item))
			}
			if !slices.Equal(u, unions) {
				t.Fatalf("subtask %d gets union items %v of %v", s, u, unions)
			}
			if got := string(now.Broadcast["all"]); got != "same" {
				t.Fatalf("subtask %d of %d gets broadcast state %q", s, q, got)
			}
		}
		slices.Sort(dealt)
		slices.Sort(lists)
		if !slices.Equal(dealt, lists) {
			t.Fatalf("list items %v became %v", lists, dealt)
		}
		for s, o := range old {
			first, last := KeyGroupRange(groups, p, s)
			for kg := first; kg <= last; kg++ {
				if want := map[bool]int{true: 1}[o != nil]; owned[kg] != want {
					t.Fatalf("key group %d has %d owners, want %d", kg, owned[kg], want)
				}
			}
		}
	})
}

type panicking struct{}

func (panicking) String() string { panic("no") }

type loud struct{ n int }

func (l *loud) String() string { return fmt.Sprint("loud ", l.n) }

func TestRender(t *testing.T) {
	for _, c := range []struct {
		in   any
		want string
	}{
		{nil, ""},
		{"", `""`},
		{"a\nb", `"a\nb"`},
		{struct{ A int }{3}, "{A:3}"},
		{panicking{}, ""},
		{&loud{2}, "loud 2"},
		{(*loud)(nil), ""},
		{errors.New("x"), "x"},
		{[]byte{1, 2}, "[1 2]"},
	} {
		got := Render(c.in)
		if c.want != "" && got != c.want || c.in != nil && got == "" {
			t.Errorf("%T: got %q, want %q", c.in, got, c.want)
		}
	}
	for _, long := range []any{strings.Repeat("ä", 5000), slices.Repeat([]string{"ö"}, 5000)} {
		if got := []rune(Render(long)); len(got) > renderMax+1 || got[len(got)-1] != '…' && got[len(got)-1] != '"' {
			t.Errorf("%d characters, the last %q", len(got), got[len(got)-1])
		}
	}
}

func TestErrorNamesAll(t *testing.T) {
	c := &Context{Operator: "parse", Subtask: 1, Parallelism: 4}
	cause := errors.New("no number")
	err := c.NewError(cause, "x7")
	if !errors.Is(err, cause) {
		t.Error("the cause is lost")
	}
	want := "operator \"parse\" (subtask 2 of 4): no number\n  record: \"x7\""
	if err.Error() != want {
		t.Errorf("got\n%v\nwant\n%s", err, want)
	}
	defer func() {
		if e, ok := recover().(*Error); !ok || !errors.Is(e, cause) {
			t.Errorf("Fail panics with %v", e)
		}
	}()
	c.Fail(cause, nil)
}

// What an operator has not asked for is refused by name, unless it is the engine's own.
func TestCheckRestored(t *testing.T) {
	ints, err := codec.For[int](nil)
	if err != nil {
		t.Fatal(err)
	}
	restored := func() *Context {
		s := &Snapshot{}
		s.Keyed("kept", 1, []byte("x"))
		s.Keyed("gone", 1, []byte("x"))
		s.Describe("empty", Description{Kind: "value"})
		s.List("splits", []byte("x"))
		s.List("items", ints.Append(nil, new(int)))
		s.DescribeItems(ListItems, "items", ints.Schema())
		s.DescribeItems(UnionItems, "no items", ints.Schema())
		return &Context{Operator: "Totals", UID: "totals", Restored: &s.State}
	}
	c := restored()
	c.Restored.TakeKeyed("kept")
	err = c.CheckRestored()
	want := `operator "Totals" (uid totals) that it does not declare: "gone", list state "items"; give`
	if err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	if c.AllowNonRestored = true; c.CheckRestored() != nil {
		t.Error("it is allowed, but refused")
	}
	c = restored()
	c.Restored.TakeKeyed("kept", "gone", "new")
	if _, err := Decoding(c, Items{ListItems, "items"}, ints); err != nil {
		t.Fatal(err)
	}
	if err := c.CheckRestored(); err != nil {
		t.Error(err)
	}
	if err := (&Context{}).CheckRestored(); err != nil {
		t.Error(err)
	}
}

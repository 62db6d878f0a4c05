package graph

import (
	"encoding/xml"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the golden files")

// line connects nodes, made by name, one behind the other; a strategy stands before its target:
// "a", Keyed, "b".
func (g *Graph) line(parts ...any) *Graph {
	var last *Node
	strategy := Auto
	for _, p := range parts {
		switch v := p.(type) {
		case Strategy:
			strategy = v
		case string:
			n := g.node(v)
			if last != nil {
				g.Connect(&Edge{From: last, To: n, Strategy: strategy})
			}
			last, strategy = n, Auto
		}
	}
	return g
}

func (g *Graph) node(name string) *Node {
	for _, n := range g.Nodes {
		if n.Name == name {
			return n
		}
	}
	n := g.Add("Kind of " + name)
	n.Name = name
	return n
}

func small() *Graph { return &Graph{Parallelism: 2} }

func TestCompileErrors(t *testing.T) {
	cases := map[string]struct {
		make func(g *Graph)
		want []string
	}{
		"empty":  {func(*Graph) {}, []string{"the job is empty"}},
		"noted":  {func(g *Graph) { g.node("a").Fail(errors.New("oops")) }, []string{`operator "a": oops`}},
		"cycle":  {func(g *Graph) { g.line("in", "a", "b", "a") }, []string{`cycle through ["a" "b"]`, "use Iterate"}},
		"itself": {func(g *Graph) { g.line("in", "a", "a") }, []string{`cycle through ["a"]`}},
		"keyed": {func(g *Graph) {
			g.line("in", Rebalance, "sum")
			g.node("sum").KeySchema = "string"
		}, []string{`operator "sum" is keyed, but its input from "in"`, "use KeyBy"}},
		"parallelism below 1": {func(g *Graph) { g.node("a").Parallelism = -1 }, []string{"parallelism -1 is below 1"}},
		"above maximum": {func(g *Graph) {
			g.node("a").Parallelism, g.node("a").MaxParallelism = 9, 8
		}, []string{"parallelism 9 is above its maximum parallelism 8", "raise MaxParallelism"}},
		"too many key groups": {func(g *Graph) { g.node("a").MaxParallelism = 32769 }, []string{"32769 is not in 1 … 32768"}},
		"forward": {func(g *Graph) {
			g.line("a", Forward, "b")
			g.node("b").Parallelism = 3
		}, []string{`the FORWARD edge from "a" (parallelism 2) to "b" (parallelism 3)`}},
		"same uid": {func(g *Graph) {
			g.line("a", "b")
			g.node("a").UID, g.node("b").UID = "x", "x"
		}, []string{`operators "a" and "b" have the same uid "x"`}},
		"all at once": {func(g *Graph) {
			g.node("a").Fail(errors.New("oops"))
			g.node("b").Parallelism = -1
		}, []string{"oops", "below 1"}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			g := small()
			c.make(g)
			_, err := g.Compile()
			for _, want := range c.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("got %v, want %q in it", err, want)
				}
			}
		})
	}
	keyed := small().line("in", Keyed, "sum", Broadcast, "rules")
	keyed.node("sum").KeySchema, keyed.node("rules").KeySchema = "string", "string"
	keyed.line("sum", Feedback, "in") // of a loop: no cycle
	if _, err := keyed.Compile(); err != nil {
		t.Errorf("a valid graph: %v", err)
	}
}

func TestChaining(t *testing.T) {
	cases := map[string]struct {
		make func(g *Graph)
		want string
	}{
		"all":            {func(g *Graph) { g.line("a", "b", "c") }, "a -> b -> c"},
		"keyed cuts":     {func(g *Graph) { g.line("a", Keyed, "b", "c") }, "a | b -> c"},
		"rebalance cuts": {func(g *Graph) { g.line("a", Rebalance, "b") }, "a | b"},
		"parallelism": {func(g *Graph) {
			g.line("a", "b", "c")
			g.node("b").Parallelism = 1
		}, "a | b | c"},
		"slot groups": {func(g *Graph) {
			g.line("a", "b", "c")
			g.node("c").SlotGroup = "gpu"
		}, "a -> b | c"},
		"start": {func(g *Graph) {
			g.line("a", "b", "c")
			g.node("b").StartChain = true
		}, "a | b -> c"},
		"disabled": {func(g *Graph) {
			g.line("a", "b", "c")
			g.node("b").NoChain = true
		}, "a | b | c"},
		"two inputs":    {func(g *Graph) { g.line("a", "c").line("b", "c", "d") }, "a | b | c -> d"},
		"two consumers": {func(g *Graph) { g.line("a", "b").line("a", "c") }, "a -> b -> c"},
		"head of a loop": {func(g *Graph) {
			g.line("a", "head", "body", Feedback, "head")
			g.node("head").Loop = "protocol"
		}, "a | head -> body"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			g := small()
			c.make(g)
			p, err := g.Compile()
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for i, chain := range p.Chains {
				if chain.ID != i {
					t.Errorf("chain %d has the ID %d", i, chain.ID)
				}
				names = append(names, chain.Name())
			}
			if got := strings.Join(names, " | "); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
		})
	}
}

func TestDefaultMaxParallelism(t *testing.T) {
	for p, want := range map[int]int{
		0: 128, 1: 128, 85: 128, 86: 256, 128: 256, 171: 256, 172: 512, 10000: 16384, 21846: 32768, 32768: 32768,
	} {
		if got := DefaultMaxParallelism(p); got != want {
			t.Errorf("parallelism %d: got %d, want %d", p, got, want)
		}
	}
	g := small().line("a", "b")
	g.node("b").Parallelism = 100
	if _, err := g.Compile(); err != nil {
		t.Fatal(err)
	}
	if got := g.node("a").MaxParallelism; got != 256 {
		t.Errorf("the widest operator decides for all: got %d, want 256", got)
	}
}

func uids(t interface{ Fatal(...any) }, g *Graph) map[string]string {
	if _, err := g.Compile(); err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, n := range g.Nodes {
		all[n.Name] = n.UID
	}
	return all
}

// TestUIDsAreStable adds a branch that is not upstream of the others: before or behind them in the
// graph, it must not change the uids that are derived for them.
func TestUIDsAreStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 8).Draw(t, "operators")
		var froms []int
		for i := 1; i < n; i++ {
			froms = append(froms, rapid.IntRange(0, i-1).Draw(t, "from"))
		}
		at := rapid.IntRange(-1, n-1).Draw(t, "branch")
		first := rapid.Bool().Draw(t, "added first")
		make := func(branch bool) *Graph {
			g := small()
			add := func() {
				if branch && at < 0 {
					g.line("other source", Keyed, "other sink")
				}
			}
			if first {
				add()
			}
			g.node("op 0")
			for i, f := range froms {
				g.line(fmt.Sprint("op ", f), Rebalance, fmt.Sprint("op ", i+1))
				if branch && at == f {
					g.line(fmt.Sprint("op ", f), Rebalance, "log")
				}
			}
			if !first {
				add()
			}
			return g
		}
		before, after := uids(t, make(false)), uids(t, make(true))
		for name, uid := range before {
			if after[name] != uid {
				t.Fatalf("%s had the uid %s and has %s", name, uid, after[name])
			}
		}
	})
	a := uids(t, small().line("in", "x", "y"))
	b := uids(t, small().line("in", Keyed, "x", "y"))
	if a["in"] != b["in"] || a["x"] == b["x"] || a["y"] == b["y"] {
		t.Errorf("what changes an input must change the uids behind it: %v, %v", a, b)
	}
	g := small()
	for range 3 {
		g.Add("Source")
	}
	if _, err := g.Compile(); err != nil {
		t.Errorf("three equal sources: %v", err)
	}
}

// drawn is a small graph with all that a drawing may show.
func drawn(t *testing.T) Explained {
	t.Helper()
	g := &Graph{Parallelism: 2}
	g.line("orders", "parse <csv> & check every field of it", Keyed, "total by customer", "alerts")
	g.line("rules", Broadcast, "total by customer")
	g.line("parse <csv> & check every field of it", Rebalance, "bad lines")
	g.line("total by customer", Keyed, "again", Feedback, "total by customer")
	g.node("bad lines").Parallelism = 1
	g.node("bad lines").In[0].Tag = "bad"
	g.node("total by customer").In[1].Input = 1
	p, err := g.Compile()
	if err != nil {
		t.Fatal(err)
	}
	return p.Explain()
}

func TestExplain(t *testing.T) {
	x := drawn(t)
	golden(t, "small.svg", x.SVG("A small <graph>"))
	golden(t, "small.txt", x.Text())
	golden(t, "small.json", x.JSON())
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *rewrite {
		if err := os.MkdirAll("testdata", 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || string(want) != got {
		t.Errorf("%s is not what is drawn (-rewrite updates it): %v\n%s", path, err, got)
	}
}

// TestSVGStructure checks what a browser would: that the text is XML, that every box is within the
// picture, and that no two overlap.
func TestSVGStructure(t *testing.T) {
	x := drawn(t)
	d := xml.NewDecoder(strings.NewReader(x.SVG("A small <graph>")))
	rects, paths := 0, 0
	for {
		token, err := d.Token()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if e, ok := token.(xml.StartElement); ok {
			switch e.Name.Local {
			case "rect":
				rects++
			case "path":
				paths++
			}
		}
	}
	if rects != len(x.Chains) || paths != len(x.Edges)+1 {
		t.Errorf("%d boxes for %d tasks, %d paths for %d edges and an arrow head", rects, len(x.Chains),
			paths, len(x.Edges))
	}
	boxes, _ := x.place()
	for _, a := range boxes {
		for _, b := range boxes {
			if a != b && a.x == b.x && a.y < b.y+b.h && b.y < a.y+a.h {
				t.Errorf("tasks %d and %d overlap", a.chain.ID, b.chain.ID)
			}
		}
	}
}

package flame

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/google/pprof/profile"
)

// written is a tree as a text: name samples (callees).
func written(n Node) string {
	text := fmt.Sprint(n.Name, " ", n.Samples)
	var all []string
	for _, c := range n.Callees {
		all = append(all, written(c))
	}
	if len(all) > 0 {
		text += " (" + strings.Join(all, ", ") + ")"
	}
	return text
}

// made is a CPU profile of stacks, "a;b+c" for a that has called b, into which c is inlined, with the samples of each and a label.
func made(t *testing.T, kind string, stacks ...string) []byte {
	p := &profile.Profile{
		SampleType: []*profile.ValueType{{Type: kind, Unit: "count"}, {Type: "cpu", Unit: "nanoseconds"}},
		PeriodType: &profile.ValueType{Type: "cpu", Unit: "nanoseconds"}, Period: 10e6,
	}
	functions, locations := map[string]*profile.Function{}, map[string]*profile.Location{}
	for _, text := range stacks {
		var stack, label string
		var n int64
		if _, err := fmt.Sscan(text, &stack, &n, &label); err != nil {
			t.Fatal(err)
		}
		s := &profile.Sample{Value: []int64{n, n * 10e6}, Label: map[string][]string{"vertex": {label}}}
		for _, place := range strings.Split(stack, ";") {
			l := locations[place]
			if l == nil {
				l = &profile.Location{ID: uint64(len(locations) + 1), Address: uint64(len(locations) + 1)}
				for _, name := range strings.Split(place, "+") {
					f := functions[name]
					if f == nil {
						f = &profile.Function{ID: uint64(len(functions) + 1), Name: name}
						functions[name] = f
						p.Function = append(p.Function, f)
					}
					l.Line = append([]profile.Line{{Function: f}}, l.Line...)
				}
				locations[place] = l
				p.Location = append(p.Location, l)
			}
			s.Location = append([]*profile.Location{l}, s.Location...)
		}
		p.Sample = append(p.Sample, s)
	}
	var b bytes.Buffer
	if err := p.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestTree(t *testing.T) {
	var g Graph
	one := map[string]string{"vertex": "v1"}
	for _, data := range [][]byte{
		made(t, "samples", "main;run;map 30 v1", "main;run;map+inlined 10 v1", "main;run;filter 5 v1", "main;run;map 1000 v2", "main;gc 1 v1"),
		made(t, "samples", "main;run;map 50 v1", "main;other 4 v1"),
		made(t, "samples"),
	} {
		if err := g.Add(data, one); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		share float64
		want  string
	}{
		{0, "root 100 (main 100 (gc 1, other 4, run 95 (filter 5, map 90 (inlined 10))))"},
		{0.05, "root 100 (main 100 (run 95 (filter 5, map 90 (inlined 10))))"},
		{1, "root 100 (main 100)"},
	} {
		if got := written(g.Tree(c.share)); got != c.want {
			t.Errorf("from a share of %v on it is\n%s, want\n%s", c.share, got, c.want)
		}
	}
	if g.Period != 10e6 {
		t.Errorf("the period is %d", g.Period)
	}
	g = Graph{}
	if got := written(g.Tree(0)); got != "root 0" {
		t.Errorf("of nothing: %s", got)
	}
}

func TestNoProfile(t *testing.T) {
	var g Graph
	for what, data := range map[string][]byte{"nothing": nil, "a text": []byte("hello"), "a heap profile": made(t, "alloc_objects", "main 1 v1")} {
		if err := g.Add(data, nil); err == nil || !strings.HasPrefix(err.Error(), "read a CPU profile: ") {
			t.Errorf("%s: %v", what, err)
		}
	}
}

package storage_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/flott-dev/flott/internal/blob"
	"github.com/flott-dev/flott/internal/checkpoint"
	"github.com/flott-dev/flott/internal/operator"
	"github.com/flott-dev/flott/internal/storage"
)

// model is a job whose checkpoints share objects, with what each should hold.
type model struct {
	w        world
	retain   int
	epoch    int64
	store    *storage.Store
	nextID   int64
	complete []taken // the newest first
	open     []taken
	garbage  bool // since the last sweep
}

// taken is a checkpoint: for each key group the sections, and the seed of the data of each.
type taken struct {
	id     int64
	groups map[int][]part
	kept   map[string]bool // objects of what it builds on
}

func (c taken) objects() map[string]bool {
	names := map[string]bool{}
	for _, parts := range c.groups {
		for _, p := range parts {
			if r := p.blob.(checkpoint.Referrer).Ref(); r.Object != "" {
				names["a=20job/"+r.Object] = true
			}
		}
	}
	return names
}

type part struct {
	blob operator.Blob
	seed int
}

func (m *model) newLeader(t *rapid.T) {
	m.epoch++
	m.store = m.w.store(m.epoch, m.retain)
	m.open = nil
	if warning, err := m.store.Lead(context.Background()); err != nil || warning != nil {
		t.Fatal(warning, err)
	}
	m.garbage = false
	if len(m.complete) == 0 {
		return
	}
	got, _, err := m.store.Latest(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	m.compare(t, got)
}

// compare loads a snapshot that should be the newest complete one, and takes its blobs over.
func (m *model) compare(t *rapid.T, got *checkpoint.Snapshot) {
	want := m.complete[0]
	if got.ID != want.id {
		t.Fatalf("the latest checkpoint is %d, want %d", got.ID, want.id)
	}
	now := map[int][]part{}
	for _, s := range got.Operators["op"].Subtasks[0].Keyed {
		data, err := s.Data.Load()
		if err != nil {
			t.Fatal(err)
		}
		i := len(now[s.Group])
		p := want.groups[s.Group][i]
		if string(data) != string(noise(p.seed, len(data))) || s.Delta != (i > 0) {
			t.Fatalf("checkpoint %d, group %d: wrong data", got.ID, s.Group)
		}
		now[s.Group] = append(now[s.Group], part{s.Data, p.seed})
	}
	m.complete[0].groups = now
}

// begin writes the part of a checkpoint: some groups anew, some with a delta, on top of a complete
// one or of nothing.
func (m *model) begin(t *rapid.T) {
	m.nextID++
	id, base := m.nextID, int64(0)
	groups := map[int][]part{}
	var kept map[string]bool
	if len(m.complete) > 0 && rapid.Bool().Draw(t, "incremental") {
		from := m.complete[rapid.IntRange(0, len(m.complete)-1).Draw(t, "base")]
		base = from.id
		groups, kept = maps.Clone(from.groups), from.objects()
	}
	if err := m.store.Begin(context.Background(), id, base); err != nil {
		t.Fatal(err)
	}
	w := m.store.Checkpoint(id, 1).Part(context.Background(), "p")
	defer w.Abort()
	for group := range 3 {
		old := groups[group]
		kind := rapid.IntRange(0, 2).Draw(t, "kind")
		if kind == 0 && len(old) > 0 {
			continue
		}
		seed := int(id)*10 + group
		b, err := w.Append(noise(seed, rapid.SampledFrom([]int{0, 100, 30_000}).Draw(t, "size")))
		if err != nil {
			t.Fatal(err)
		}
		if kind == 1 {
			old = nil
		}
		groups[group] = append(slices.Clone(old), part{b, seed})
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	m.garbage = true
	m.open = append(m.open, taken{id, groups, kept})
}

func (m *model) snapshot(c taken) *checkpoint.Snapshot {
	sub := &operator.State{}
	for _, group := range slices.Sorted(maps.Keys(c.groups)) {
		for i, p := range c.groups[group] {
			sub.Keyed = append(sub.Keyed, operator.Section{State: "s", Group: group, Delta: i > 0, Data: p.blob})
		}
	}
	return &checkpoint.Snapshot{ID: c.id, Operators: map[string]*checkpoint.OperatorState{
		"op": {Name: "op", Subtasks: []*operator.State{sub}},
	}}
}

// publish completes one of the open checkpoints; those before it are aborted, as a coordinator does.
func (m *model) publish(t *rapid.T) {
	if len(m.open) == 0 {
		t.Skip("nothing is open")
	}
	i := rapid.IntRange(0, len(m.open)-1).Draw(t, "open")
	c := m.open[i]
	if err := m.store.Publish(context.Background(), m.snapshot(c)); err != nil {
		t.Fatal(err)
	}
	for _, older := range m.open[:i] {
		m.store.Abort(older.id)
	}
	m.open = m.open[i+1:]
	m.complete = slices.Insert(m.complete, 0, c)
	m.complete = m.complete[:min(m.retain, len(m.complete))]
	m.garbage = true
}

func (m *model) sweep(t *rapid.T) {
	if err := m.store.Sweep(context.Background()); err != nil {
		t.Fatal(err)
	}
	m.garbage = false
}

// check compares the objects that are there with those that are needed.
func (m *model) check(t *rapid.T) {
	need := map[string]bool{}
	for _, c := range m.complete {
		maps.Copy(need, c.objects())
	}
	for _, c := range m.open {
		maps.Copy(need, c.objects())
		maps.Copy(need, c.kept)
	}
	have := map[string]bool{}
	list, err := m.w.root.List(context.Background(), "")
	if err != nil {
		t.Fatal(err)
	}
	manifests := 0
	for _, i := range list {
		if strings.Contains(i.Name, "/manifest-") {
			manifests++
		} else if i.Name != "a=20job/pointer" {
			have[i.Name] = true
		}
	}
	for name := range need {
		if !have[name] {
			t.Fatalf("%s is needed, and deleted", name)
		}
	}
	if m.garbage {
		return
	}
	if manifests != len(m.complete) {
		t.Fatalf("%d manifests, %d checkpoints", manifests, len(m.complete))
	}
	for name := range have {
		if !need[name] {
			t.Fatalf("%s is left", name)
		}
	}
}

// TestRetention runs random jobs whose checkpoints build on each other.
func TestRetention(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := &model{w: newWorld(), retain: rapid.IntRange(1, 3).Draw(t, "retain")}
		m.newLeader(t)
		t.Repeat(map[string]func(*rapid.T){
			"begin":   m.begin,
			"publish": m.publish,
			"abort": func(t *rapid.T) {
				if len(m.open) == 0 {
					t.Skip("nothing is open")
				}
				m.store.Abort(m.open[0].id)
				m.open = m.open[1:]
				m.garbage = true
			},
			"sweep":  m.sweep,
			"leader": m.newLeader,
			"":       m.check,
		})
	})
}

// TestSweepKeepsWhatItDoesNotKnow puts files of others into the job's directory.
func TestSweepKeepsWhatItDoesNotKnow(t *testing.T) {
	w := newWorld()
	s := leading(t, w, 5)
	foreign := []string{"chk-1/notes", "chk-x/p-1-1", "other/p-1-1", "chk-1/p-6-1", "chk-99/p-5-1"}
	for _, name := range append(foreign, "chk-1/p-4-1") {
		if err := blob.Put(t.Context(), w.root, "a=20job/"+name, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Sweep(t.Context()); err != nil {
		t.Fatal(err)
	}
	names := fmt.Sprint(w.names(t))
	for _, name := range foreign {
		if !strings.Contains(names, name) {
			t.Errorf("%s is deleted", name)
		}
	}
	if strings.Contains(names, "chk-1/p-4-1") {
		t.Error("an object of a closed epoch is left")
	}
}

// TestSweepStopsAtUnreadableManifests keeps everything when what is needed is not known.
func TestSweepStopsAtUnreadableManifests(t *testing.T) {
	w := newWorld()
	s := w.store(1, 2)
	lead(t, s)
	publish(t, s, 1, 1)
	publish(t, s, 2, 2)
	if err := w.root.Delete(t.Context(), "a=20job/chk-1/manifest-1-0"); err != nil {
		t.Fatal(err)
	}
	before := len(w.names(t))
	next := w.store(2, 2)
	warning, err := next.Lead(t.Context())
	if err != nil || warning == nil || !strings.Contains(warning.Error(), "chk-1/manifest-1-0") {
		t.Errorf("got %v, %v", warning, err)
	}
	if len(w.names(t)) != before {
		t.Errorf("left: %v", w.names(t))
	}
	publish(t, next, 3, 3) // retires checkpoint 1
	if err := next.Sweep(t.Context()); err != nil {
		t.Error(err)
	}
	if names := fmt.Sprint(w.names(t)); strings.Contains(names, "chk-1/") {
		t.Errorf("left: %v", names)
	}
}

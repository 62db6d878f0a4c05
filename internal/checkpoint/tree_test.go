package checkpoint

import (
	"bytes"
	"testing"

	"github.com/flott-dev/flott/internal/operator"
)

// treeSnapshot has a tree whose files lie in two objects and in the manifest.
func treeSnapshot() *Snapshot {
	at := func(object string, offset int64) operator.Blob {
		return NewUnbound(&Ref{Object: object, ObjectSize: 100, Offset: offset, Stored: 40, Size: 40, Sum: 7})
	}
	inline := operator.Bytes("a small file")
	tree := &operator.Tree{
		First: 2, Last: 5, States: []string{"counts", "", "lists"},
		Files: []operator.TreeFile{
			{Name: "000004.sst", Parts: []operator.Blob{at("chk-1/0-0-1-0", 0), at("chk-1/0-0-1-0", 40)}},
			{Name: "000007.sst", Parts: []operator.Blob{at("chk-2/0-0-1-0", 0)}},
			{Name: "MANIFEST-000001", Parts: []operator.Blob{inline}},
			{Name: "marker.manifest.000001.MANIFEST-000001"},
		},
		New: 52,
	}
	return &Snapshot{ID: 2, Job: "j", Native: true, Operators: map[string]*OperatorState{"uid": {
		Name: "counts", MaxParallelism: 8,
		Subtasks: []*operator.State{nil, {Trees: []*operator.Tree{tree}}},
	}}}
}

func TestTreeInManifest(t *testing.T) {
	want := treeSnapshot()
	data, err := AppendManifest(nil, want)
	if err != nil {
		t.Fatal(err)
	}
	got, err := DecodeManifest(data)
	if err != nil {
		t.Fatal(err)
	}
	again, err := AppendManifest(nil, got)
	if err != nil || !bytes.Equal(again, data) {
		t.Errorf("another manifest is made of what was decoded: %v", err)
	}
	tree := got.Operators["uid"].Subtasks[1].Trees[0]
	if tree.First != 2 || tree.Last != 5 || len(tree.States) != 3 || tree.States[2] != "lists" {
		t.Errorf("got %+v", tree)
	}
	if len(tree.Files) != 4 || tree.Files[0].Bytes() != 80 || tree.Files[2].Bytes() != 12 {
		t.Errorf("got files %+v", tree.Files)
	}
	part, err := tree.Files[2].Parts[0].Load()
	if err != nil || string(part) != "a small file" {
		t.Errorf("got %q, %v", part, err)
	}
	objects := map[string]string{}
	got.Refs(func(_, state string, r *Ref) { objects[r.Object] = state })
	if objects["chk-1/0-0-1-0"] != "counts, lists" || objects["chk-2/0-0-1-0"] == "" {
		t.Errorf("named are %v", objects)
	}
	got.Bind(func(string, string, *Ref) operator.Blob { return operator.Bytes("bound") })
	if part, _ := tree.Files[1].Parts[0].Load(); string(part) != "bound" {
		t.Errorf("a part is not bound: %q", part)
	}
	// What has been stored before counts as held, not as stored.
	c := NewCoordinator(Config{}, "j", 0, 0)
	c.Run([]Part{{}}, 0)
	actions, err := c.Begin(0, Request{Flags: operator.Native})
	if err != nil {
		t.Fatal(err)
	}
	c.Deliver(0, Delivery{
		ID: 1, Operators: []Operator{{UID: "uid", Parallelism: 2}},
		States: []*operator.Snapshot{{State: *want.Operators["uid"].Subtasks[1]}},
	})
	p := actions[0].Pending
	if p.Stats.Size != 52 || p.Stats.FullSize != 132 || !p.Snapshot().Native {
		t.Errorf("stored %d of %d bytes, native %v", p.Stats.Size, p.Stats.FullSize, p.Snapshot().Native)
	}
}

// An older program does not know what a tree is, and must not restore without it: the tag is even.
func TestTreeMustBeUnderstood(t *testing.T) {
	if err := unknown(tagTree); err == nil {
		t.Error("a program that does not know the record skips it")
	}
}

package plan

import (
	"fmt"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/catalog"
	"github.com/flott-dev/flott/sql/internal/opjson"
	"github.com/flott-dev/flott/sql/internal/physical"
)

// Version is that of the files that Write writes. Open knows all up to it.
const Version = 1

// operator is an operator in a file, without what it computes.
type operator struct {
	ID                int
	UID, Name, Detail string
	Inputs            []input
	Columns           []row.Field
	Changes           row.ChangeKinds
	Keys              [][]int
	Grows             string
}

type input struct {
	ID           int
	Distribution string
	Keys         []int
}

var distributions = []string{physical.Any: "", physical.Hash: "HASH", physical.Singleton: "SINGLETON", physical.Broadcast: "BROADCAST"}

// Write writes a plan by its ends, with the options of the session that it depends on. objects says how much of its tables is
// written: All, Schema or Identifier.
func Write(ends []*physical.Rel, options map[string]string, objects string) ([]byte, error) {
	w := &writer{objects: objects, ids: map[*physical.Rel]int{}, tables: map[*catalog.Table]int{}}
	for _, r := range ends {
		if _, err := w.operator(r); err != nil {
			return nil, err
		}
	}
	fixed, err := opjson.Encode(options)
	if err != nil {
		return nil, err
	}
	return opjson.Print(opjson.Object{
		{Key: "flottPlan", Value: Version}, {Key: "options", Value: fixed}, {Key: "tables", Value: w.written}, {Key: "operators", Value: w.operators},
	}), nil
}

type writer struct {
	objects   string
	ids       map[*physical.Rel]int
	tables    map[*catalog.Table]int
	written   []any
	operators []any
}

// operator writes an operator behind its inputs, and returns its number.
func (w *writer) operator(r *physical.Rel) (int, error) {
	if id := w.ids[r]; id > 0 {
		return id, nil
	}
	o := operator{UID: r.UID, Name: r.Name, Detail: r.Detail, Columns: r.Cols, Changes: r.Kinds, Keys: r.Keys, Grows: r.Grows}
	for i, in := range r.Ins {
		id, err := w.operator(in)
		if err != nil {
			return 0, err
		}
		o.Inputs = append(o.Inputs, input{id, distributions[r.Dist[i].Kind], r.Dist[i].Keys})
	}
	o.ID = len(w.operators) + 1
	w.ids[r] = o.ID
	tree, err := opjson.Encode(&o)
	if err != nil {
		return 0, fmt.Errorf("%s: %w", r.Name, err)
	}
	members := tree.(opjson.Object)
	add := func(key string, x any, t *catalog.Table) {
		if err != nil {
			return
		}
		var part any
		if part, err = opjson.Encode(x); err != nil || t == nil {
			members = append(members, opjson.Member{Key: key, Value: part})
			return
		}
		var id int
		id, err = w.table(t)
		members = append(members, opjson.Member{Key: key, Value: append(opjson.Object{{Key: "table", Value: id}}, part.(opjson.Object)...)})
	}
	if r.Op != nil {
		add("operator", r.Op, nil)
	}
	if r.Values != nil {
		add("values", r.Values, nil)
	}
	if r.Source != nil {
		scan := *r.Source.Scan
		scan.Options = hints(scan.Options, r.Source.Table.Options)
		add("source", &scan, r.Source.Table)
	}
	if r.Lookup != nil {
		lookup := *r.Lookup
		lookup.Options = hints(lookup.Options, r.Lookup.Table.Options)
		add("lookup", &lookup, r.Lookup.Table)
	}
	if r.Sink != nil {
		add("sink", r.Sink, r.Sink.Table)
	}
	if err != nil {
		return 0, fmt.Errorf("%s: %w", r.Name, err)
	}
	w.operators = append(w.operators, members)
	return o.ID, nil
}

// table writes a table, once, and returns its number. Tables that are in no catalog are written as a whole.
func (w *writer) table(t *catalog.Table) (int, error) {
	if id := w.tables[t]; id > 0 {
		return id, nil
	}
	objects := w.objects
	if t.Inline {
		objects = All
	}
	made, err := tableOf(t, objects)
	if err != nil {
		return 0, err
	}
	tree, err := opjson.Encode(made)
	if err != nil {
		return 0, fmt.Errorf("the table %s: %w", t.Path.Object, err)
	}
	w.written = append(w.written, tree)
	w.tables[t] = len(w.written)
	return w.tables[t], nil
}

// hints are the options that are others than those of the table.
func hints(all, table map[string]string) map[string]string {
	own := map[string]string{}
	for k, v := range all {
		if was, ok := table[k]; !ok || was != v {
			own[k] = v
		}
	}
	if len(own) == 0 {
		return nil
	}
	return own
}

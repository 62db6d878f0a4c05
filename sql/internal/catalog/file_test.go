package catalog

import (
	"strings"
	"testing"

	"github.com/flott-dev/flott/sql/internal/ast"
)

// kept is a store with a catalog c that is kept in dir. Its tables have no columns.
func kept(t *testing.T, dir string) *Store {
	t.Helper()
	s := NewStore(func(p Path, x ast.Statement, _ string) (*Table, error) {
		table := &Table{Path: p, Options: map[string]string{}}
		for _, o := range x.(*ast.CreateTable).With {
			table.Options[o.Key] = o.Value
		}
		return table, nil
	})
	if err := s.CreateCatalog(t.Context(), "c", "", map[string]string{"type": "file", "path": dir}); err != nil {
		t.Fatal(err)
	}
	if err := s.UseCatalog("c"); err != nil {
		t.Fatal(err)
	}
	return s
}

func table(name, value string) *Table {
	return &Table{Path: Path{"c", "default", name}, Options: map[string]string{"k": value}}
}

func found(t *testing.T, s *Store, name string) *Table {
	t.Helper()
	x, err := s.Table([]string{name})
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// TestAlterOfWhatHasChanged: a change of a table that was read before another session has changed it is no change.
func TestAlterOfWhatHasChanged(t *testing.T) {
	dir := t.TempDir()
	a, b := kept(t, dir), kept(t, dir)
	if err := a.Put(t.Context(), table("t", "first"), false); err != nil {
		t.Fatal(err)
	}
	b.Refresh(t.Context())
	old, new := found(t, a, "t"), found(t, b, "t")
	if err := b.Put(t.Context(), table("u", "x"), false); err != nil { // another table is no hindrance
		t.Fatal(err)
	}
	if err := a.Alter(t.Context(), old, table("t", "second")); err != nil {
		t.Fatal(err)
	}
	err := b.Alter(t.Context(), new, table("t", "third"))
	if err == nil || !strings.Contains(err.Error(), "another session has changed c.default.t since this statement has read it; run the statement again") {
		t.Errorf("the change of a table that has changed: %v", err)
	}
	a.Refresh(t.Context())
	for _, s := range []*Store{a, b} {
		if got := found(t, s, "t").Options["k"]; got != "second" {
			t.Errorf("the table is the %s one", got)
		}
		found(t, s, "u")
	}
	if err := b.Alter(t.Context(), found(t, b, "t"), table("t", "third")); err != nil { // run again
		t.Error(err)
	}
	if err := a.Put(t.Context(), table("u", "y"), false); err == nil || !strings.Contains(err.Error(), "there is a table c.default.u already") {
		t.Errorf("two tables of one name: %v", err)
	}
	if err := a.Put(t.Context(), table("u", "y"), true); err != nil {
		t.Error(err)
	}
}

// TestDropOfWhatIsGone: a database that another session has dropped since this one has read the file is not dropped again.
func TestDropOfWhatIsGone(t *testing.T) {
	dir := t.TempDir()
	a, b := kept(t, dir), kept(t, dir)
	if err := a.CreateDatabase(t.Context(), []string{"c", "d"}, "", nil, false); err != nil {
		t.Fatal(err)
	}
	b.Refresh(t.Context())
	if err := a.DropDatabase(t.Context(), []string{"c", "d"}, false); err != nil {
		t.Fatal(err)
	}
	if err := b.DropDatabase(t.Context(), []string{"c", "d"}, false); !IsMissing(err) {
		t.Errorf("the second DROP DATABASE: %v", err)
	}
}

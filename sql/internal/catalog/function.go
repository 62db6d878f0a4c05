package catalog

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Function is a function of a database: another name of one that the program has registered.
type Function struct {
	Path      Path
	Temporary bool
	// As is the name that the program has registered.
	As string
	// Language is GO.
	Language string
}

// ddl is the statement that makes the function in its catalog's file.
func (f *Function) ddl(database string) string {
	return fmt.Sprintf("CREATE FUNCTION %s.%s AS %s LANGUAGE %s", quote(database), quote(f.Path.Object), text(f.As), f.Language)
}

func functionPath(p Path) Path {
	p.Object = strings.ToLower(p.Object)
	return p
}

// Function finds a function by a name of one to three parts, nil if there is none.
func (s *Store) Function(name []string) *Function {
	p, err := s.Resolve(name)
	if err != nil {
		return nil
	}
	p = functionPath(p)
	s.mu.RLock()
	defer s.mu.RUnlock()
	if f := s.functions[p]; f != nil {
		return f
	}
	d, err := s.databaseOf(p.Catalog, p.Database)
	if err != nil {
		return nil
	}
	return d.functions[p.Object]
}

// PutFunction adds a function. With replace it takes the place of another one.
func (s *Store) PutFunction(ctx context.Context, f *Function, replace bool) error {
	f.Path = functionPath(f.Path)
	s.mu.Lock()
	defer s.mu.Unlock()
	isThere := func(g *Function) error {
		switch {
		case g == nil && replace:
			return s.missingFunction(f.Path)
		case g != nil && !replace:
			return &Error{Msg: fmt.Sprintf("there is a function %s already", f.Path), Hint: "CREATE FUNCTION IF NOT EXISTS leaves it alone, ALTER FUNCTION changes it"}
		}
		return nil
	}
	if f.Temporary {
		if err := isThere(s.functions[f.Path]); err != nil {
			return err
		}
		s.functions[f.Path] = f
		return nil
	}
	return s.change(ctx, f.Path.Catalog, f.Path.Database, func(d *Database) error {
		if err := isThere(d.functions[f.Path.Object]); err != nil {
			return err
		}
		d.functions[f.Path.Object] = f
		return nil
	})
}

// DropFunction removes a function.
func (s *Store) DropFunction(ctx context.Context, p Path, temporary bool) error {
	p = functionPath(p)
	s.mu.Lock()
	defer s.mu.Unlock()
	if temporary {
		if s.functions[p] == nil {
			return s.missingFunction(p)
		}
		delete(s.functions, p)
		return nil
	}
	return s.change(ctx, p.Catalog, p.Database, func(d *Database) error {
		if d.functions[p.Object] == nil {
			return s.missingFunction(p)
		}
		delete(d.functions, p.Object)
		return nil
	})
}

func (s *Store) missingFunction(p Path) error {
	names, _ := s.functionNames(p.Catalog, p.Database)
	return missing("function", p.Object, names)
}

// Functions are the names of the functions of a database, sorted.
func (s *Store) Functions(catalog, database string) ([]string, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.functionNames(catalog, database)
}

func (s *Store) functionNames(catalog, database string) ([]string, error) {
	d, err := s.databaseOf(catalog, database)
	if err != nil {
		return nil, err
	}
	names := slices.Collect(maps.Keys(d.functions))
	for p := range s.functions {
		if p.Catalog == catalog && p.Database == database && d.functions[p.Object] == nil {
			names = append(names, p.Object)
		}
	}
	slices.Sort(names)
	return names, nil
}

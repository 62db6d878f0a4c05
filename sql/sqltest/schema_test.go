package sqltest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/bind"
	"github.com/flott-dev/flott/sql/internal/catalog"
	"github.com/flott-dev/flott/sql/internal/parse"
)

// bound sets a case up in a new catalog and binds its query.
func bound(c *Case) (cols []row.Field, err error) {
	store := catalog.NewStore(nil)
	env := &bind.Env{Catalog: store, Functions: goldTypes{}, Batch: c.Head["mode"] == "batch", Zone: time.UTC}
	for p := parse.New(c.Sections["setup"]); ; {
		s, err := p.Next()
		if s == nil || err != nil {
			if err != nil && err != io.EOF {
				return nil, err
			}
			break
		}
		if err := define(env, s, c.Sections["setup"]); err != nil {
			return nil, err
		}
	}
	query := strings.TrimSpace(c.Sections["query"])
	s, err := parse.Statement(query)
	if err != nil {
		return nil, err
	}
	q, ok := s.(*ast.QueryStmt)
	if !ok {
		return nil, define(env, s, query)
	}
	n, err := bind.Query(env, q.Query)
	if err != nil {
		return nil, err
	}
	return n.Columns(), nil
}

// define binds a statement of a text.
func define(env *bind.Env, s ast.Statement, text string) error {
	var t *catalog.Table
	var err error
	switch s := s.(type) {
	case *ast.CreateTable:
		t, err = bind.Table(env, s)
	case *ast.CreateView:
		q := s.Query.Extent()
		t, err = bind.View(env, s, text[q.From:q.To])
	case *ast.Insert:
		_, _, err = bind.Insert(env, s)
		return err
	case *ast.Set:
		return nil
	default:
		return errNotBound
	}
	if err != nil {
		return err
	}
	return env.Catalog.Put(context.Background(), t, false)
}

var errNotBound = errors.New("not bound")

func TestSchemas(t *testing.T) {
	files, err := filepath.Glob("../testdata/golden/*.case")
	if err != nil || len(files) < 300 {
		t.Fatalf("%d cases, %v", len(files), err)
	}
	for _, file := range files {
		c, err := Read(file)
		if err != nil {
			t.Fatal(err)
		}
		if c.Error == "parse" || c.Head["quirk"] != "" || strings.Contains(c.Sections["setup"]+c.Sections["query"], "MATCH_RECOGNIZE") || !regexp.MustCompile(*areas).MatchString(c.Area()) {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			cols, err := bound(c)
			if errors.Is(err, errNotBound) {
				t.Skip(err)
			}
			if c.Error == "validate" {
				if err == nil {
					t.Skip("left to the planner")
				}
				return
			}
			if err != nil {
				t.Fatalf("%s\n%s\n%v", c.Sections["setup"], c.Sections["query"], err)
			}
			var schema []string
			for _, f := range cols {
				schema = append(schema, fmt.Sprintf("[%q, %q]", f.Name, f.Type))
			}
			if want := c.Lines("schema"); c.Error == "" && !slices.Equal(schema, want) {
				t.Errorf("%s\nhas %s\nwant %s", c.Sections["query"], strings.Join(schema, " "), strings.Join(want, " "))
			}
		})
	}
}

package sqltest

import (
	"errors"
	"flag"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/bind"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/parse"
)

var areas = flag.String("areas", "", "run the constant cases of areas that match only")

// constants evaluates a SELECT without FROM, for one row and for several, which must agree.
func constants(q *ast.Query, zone *time.Location) (schema, rows []string, err error) {
	s, ok := q.Body.(*ast.Select)
	if !ok || s.From != nil {
		return nil, nil, errors.New("not a SELECT without FROM")
	}
	var cols []*column.Vector
	for i, item := range s.Items {
		x, err := bind.Expr(&bind.Scope{}, item.X)
		if err != nil {
			return nil, nil, fmt.Errorf("validate: %w", err)
		}
		name := fmt.Sprintf("EXPR$%d", i)
		if item.As != nil {
			name = item.As.Name
		}
		for k, used := 0, name; slices.ContainsFunc(schema, func(s string) bool { return strings.HasPrefix(s, fmt.Sprintf("[%q,", name)) }); k++ {
			name = fmt.Sprint(used, k)
		}
		schema = append(schema, fmt.Sprintf("[%q, %q]", name, x.Type()))
		c := &expr.Context{Zone: zone, Now: time.Date(2024, 1, 2, 3, 4, 5, 0, time.UTC)}
		var results [2]*column.Vector
		for k, n := range []int{1, 70} {
			if results[k], err = expr.Compile(x).Eval(c, &column.Batch{N: n}); err != nil {
				return nil, nil, fmt.Errorf("runtime: %w", err)
			}
		}
		for i := range 70 {
			one, many := AppendValue(nil, results[0], 0), AppendValue(nil, results[1], i)
			if string(one) != string(many) && isPure(x) {
				return nil, nil, fmt.Errorf("%s alone, and %s as row %d of 70", one, many, i)
			}
		}
		cols = append(cols, results[0])
	}
	return schema, []string{string(AppendRow(nil, cols, 0))}, nil
}

var setZone = regexp.MustCompile(`^SET 'table.local-time-zone'\s*=\s*'(.*)';$`)

// zoneOf is the session's time zone of a case, nil if it sets up more than that.
func zoneOf(c *Case) *time.Location {
	setup := strings.TrimSpace(c.Sections["setup"])
	if setup == "" {
		return time.UTC
	}
	if m := setZone.FindStringSubmatch(setup); m != nil {
		if zone, err := time.LoadLocation(m[1]); err == nil {
			return zone
		}
	}
	return nil
}

func isPure(x expr.Expr) bool {
	pure := true
	expr.Walk(x, func(x expr.Expr) bool {
		c, ok := x.(*expr.Call)
		pure = pure && (!ok || !c.Func.Volatile)
		return true
	})
	return pure
}

var isAggregate = regexp.MustCompile(`(?i)\b(COUNT|SUM|AVG|MIN|MAX|LISTAGG|COLLECT|OVER|SELECT .*SELECT)\b`)

func TestConstantCases(t *testing.T) {
	files, err := filepath.Glob("../testdata/golden/*.case")
	if err != nil || len(files) < 300 {
		t.Fatalf("%d cases, %v", len(files), err)
	}
	ours, err := filepath.Glob("../testdata/cases/*.case")
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, ours...)
	count := map[string][2]int{}
	for _, file := range files {
		c, err := Read(file)
		if err != nil {
			t.Fatal(err)
		}
		query := strings.TrimSpace(c.Sections["query"])
		if zoneOf(c) == nil || c.Error == "parse" || c.Head["quirk"] != "" ||
			!regexp.MustCompile(*areas).MatchString(c.Area()) || regexp.MustCompile(`\bFROM\s+(\(|[a-z])`).MatchString(query) ||
			isAggregate.MatchString(query) || !strings.HasPrefix(query, "SELECT") {
			continue
		}
		t.Run(c.Name, func(t *testing.T) {
			n := count[c.Area()]
			n[0]++
			defer func() {
				if !t.Failed() {
					n[1]++
				}
				count[c.Area()] = n
			}()
			checkConstants(t, c, query)
		})
	}
	for _, area := range slices.Sorted(func(yield func(string) bool) {
		for a := range count {
			if !yield(a) {
				return
			}
		}
	}) {
		t.Logf("%-20s %d of %d", area, count[area][1], count[area][0])
	}
}

func checkConstants(t *testing.T, c *Case, query string) {
	s, err := parse.Statement(query)
	if err != nil {
		t.Fatal(err)
	}
	schema, rows, err := constants(s.(*ast.QueryStmt).Query, zoneOf(c))
	switch {
	case c.Error != "":
		if err == nil {
			t.Errorf("%s\ngives %s %s\nwant an error: %s", query, schema, rows, c.Sections["error"])
		} else if raised := c.Head["raised"]; raised == "" && !strings.HasPrefix(err.Error(), c.Error) {
			t.Errorf("%s\n%v\nwant an error: %s %s", query, err, c.Error, c.Sections["error"])
		}
	case err != nil:
		t.Errorf("%s\n%v\nwant %s", query, err, c.Sections["expect"])
	default:
		if want := c.Lines("schema"); !slices.Equal(schema, want) {
			t.Errorf("%s\nhas types %s\nwant      %s", query, schema, want)
		}
		if want := c.Lines("expect"); !SameRows(want, rows, true) {
			t.Errorf("%s\ngives %s\nwant  %s", query, rows, want)
		}
	}
}

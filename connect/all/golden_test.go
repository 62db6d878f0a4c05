package all

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/connecttest"
	"github.com/flott-dev/flott/format/formattest"
)

const testdata = "../../sql/testdata/"

var (
	createTable = regexp.MustCompile(`(?s)^CREATE TABLE (\w+) \((.*)\) WITH \((.*)\);\s*$`)
	option      = regexp.MustCompile(`'((?:[^']|'')*)'\s*=\s*'((?:[^']|'')*)'`)
	primaryKey  = regexp.MustCompile(`, PRIMARY KEY \([^)]*\) NOT ENFORCED`)
)

// TestGoldenTables reads the tables of those golden cases of SQL that do no more than that, and are not
// refused by the planner, as changelogs are in batch mode.
func TestGoldenTables(t *testing.T) {
	data, err := filepath.Abs(testdata + "data")
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob(testdata + "golden/*.case")
	if err != nil {
		t.Fatal(err)
	}
	ran := 0
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		setup, query := partOf(string(text), "setup"), partOf(string(text), "query")
		create := createTable.FindStringSubmatch(setup)
		if create == nil || query != "SELECT * FROM "+create[1]+";\n" || strings.Contains(create[2], "WATERMARK") || strings.Contains(setup, " AS ") ||
			strings.Contains(setup, "${OUT}") || strings.Contains(string(text), "# mode: batch") && strings.Contains(setup, "debezium") {
			continue
		}
		table := &connect.TableSpec{
			Name: create[1], Schema: formattest.Schema(primaryKey.ReplaceAllString(create[2], "")), Formats: Formats(), Options: map[string]string{},
		}
		for _, o := range option.FindAllStringSubmatch(create[3], -1) {
			table.Options[o[1]] = strings.ReplaceAll(o[2], "${DATA}", data)
		}
		if table.Options["connector"] != "filesystem" {
			continue
		}
		ran++
		t.Run(strings.TrimSuffix(filepath.Base(path), ".case"), func(t *testing.T) { goldenTable(t, table, string(text)) })
	}
	if ran < 5 {
		t.Errorf("%d cases are run: the pattern does not fit", ran)
	}
}

// partOf is a part of a case.
func partOf(text, name string) string {
	_, rest, _ := strings.Cut(text, "-- "+name+"\n")
	if end := strings.Index(rest, "\n-- "); end >= 0 {
		rest = rest[:end+1]
	}
	return rest
}

func goldenTable(t *testing.T, table *connect.TableSpec, text string) {
	got, err := readTable(t, table)
	if strings.Contains(text, "\n-- error ") {
		if err == nil {
			t.Errorf("there is no error; rows are %v", got)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	name := "expect"
	if strings.Contains(text, "\n-- changelog\n") {
		name = "changelog"
	} else {
		for i := range got {
			got[i] = strings.TrimPrefix(got[i], "+I ")
		}
		slices.Sort(got)
	}
	want := strings.Split(strings.TrimSpace(partOf(text, name)), "\n")
	if !slices.Equal(got, want) {
		t.Errorf("rows are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func readTable(t *testing.T, table *connect.TableSpec) ([]string, error) {
	i := slices.IndexFunc(Factories(), func(f connect.TableFactory) bool { return f.Name == table.Options["connector"] })
	source, err := Factories()[i].NewSource(table)
	if err != nil {
		return nil, err
	}
	columns, err := source.Scan(connect.Scan{})
	if err != nil {
		return nil, err
	}
	return connecttest.NewDriver(t, connecttest.Rows(columns, formattest.Rows), 1, nil).Read(0)
}

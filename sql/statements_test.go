package sql_test

import (
	"testing"

	"github.com/flott-dev/flott/sql/sqltest"
)

// TestStatementCases compares what statements of definition and those that show what there is give with what Flink 2.2.1
// gives.
func TestStatementCases(t *testing.T) {
	files, err := sqltest.Files([]string{"testdata/statements"})
	if err != nil || len(files) < 40 {
		t.Fatalf("%d cases, %v", len(files), err)
	}
	for _, file := range files {
		c, err := sqltest.Read(file)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(c.Name, func(t *testing.T) {
			if v := sqltest.Run(t.Context(), variants[0].config(""), c); v.Outcome != sqltest.Passed {
				t.Errorf("%s\n%s", c.Sections["query"], v.Report)
			}
		})
	}
}

package plan

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/flott-dev/flott/sql/internal/agg"
	"github.com/flott-dev/flott/sql/internal/builtin"
	"github.com/flott-dev/flott/sql/internal/catalog"
	"github.com/flott-dev/flott/sql/internal/exec"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// none are no functions.
type none struct{}

func (none) Scalar(string) *builtin.Def        { return nil }
func (none) Aggregate(string) *agg.Func        { return nil }
func (none) Table(string) *logical.TableFunc   { return nil }
func noTable([]string) (*catalog.Table, error) { return nil, errors.New("no table") }
func utc(string) (*time.Location, error)       { return time.UTC, nil }
func noLookup(*catalog.Table, map[string]string, []int, []int) (l exec.Lookups, o exec.LookupOptions, err error) {
	return l, o, nil
}

// FuzzRead: what is no plan is an error, and what is read is written so that it is read again.
func FuzzRead(f *testing.F) {
	files, err := filepath.Glob("../../testdata/savepoints/v*/*/plan.json")
	if err != nil || len(files) == 0 {
		f.Fatal("no plans", err)
	}
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	c := &Config{Functions: none{}, Objects: All, Table: noTable, Zone: utc, Lookup: noLookup}
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := Open(data)
		if err != nil {
			return
		}
		ends, err := file.Read(c)
		if err != nil {
			return
		}
		again, err := Write(ends, file.Options, All)
		if err != nil {
			t.Fatal(err)
		}
		if file, err = Open(again); err == nil {
			_, err = file.Read(c)
		}
		if err != nil {
			t.Fatalf("%v\n%s", err, again)
		}
	})
}

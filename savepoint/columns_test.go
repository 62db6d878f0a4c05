package savepoint_test

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/internal/coltest"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/savepoint"
	"github.com/flott-dev/flott/stream"
)

// TestStatesOfSQL reads the state of an operator on columns: keys of several types or texts are shown as
// their bytes, and are not dealt out anew, since their hash is not that of these.
func TestStatesOfSQL(t *testing.T) {
	for _, texts := range []bool{false, true} {
		env := stream.NewEnv(stream.MaxParallelism(16), stream.RuntimeMode(stream.Streaming))
		coltest.Job(env.Graph(), 100, texts, 1, collect.To[string]())
		path, err := launch.Bootstrap(t.Context(), env, "counts", t.TempDir())
		if err != nil {
			t.Fatal(err)
		}
		s, err := savepoint.Open(context.Background(), path)
		if err != nil {
			t.Fatal(err)
		}
		var rows []string
		for _, o := range s.Operators {
			if o.Name != "Count" {
				continue
			}
			st, err := s.State(o.UID, "count")
			if err != nil {
				t.Fatal(err)
			}
			for r, err := range st.Rows() {
				if err != nil {
					t.Fatal(err)
				}
				rows = append(rows, savepoint.Text(r.Key)+" "+savepoint.Text(r.Value))
			}
		}
		all := strings.Join(rows, "\n")
		if want := map[bool]string{false: "5 18", true: "SQL (STRING)(0x01066e616d652035) 18"}[texts]; !strings.Contains(all, want) {
			t.Errorf("%s is not among\n%s", want, all)
		}
		err = savepoint.Rehash(t.Context(), 32, path, filepath.Join(t.TempDir(), "rehashed"))
		if texts != (err != nil) || texts && !strings.Contains(err.Error(), "leave the maximum parallelism as it is, at 16") {
			t.Errorf("texts %v: %v", texts, err)
		}
	}
}

package all

import (
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/sql"
)

var sqlBlock = regexp.MustCompile("(?s)```sql\n(.*?)```")

func TestFormatsPage(t *testing.T) { runPage(t, "formats.md") }

func TestDatagenPage(t *testing.T) { runPage(t, "connectors/datagen.md") }

// TestFilesPage has an object store for s3://.
func TestFilesPage(t *testing.T) {
	fake := gofakes3.New(s3mem.New(), gofakes3.WithLogger(gofakes3.DiscardLog()), gofakes3.WithAutoBucket(true))
	server := httptest.NewServer(fake.Server())
	defer server.Close()
	t.Setenv("AWS_ENDPOINT_URL_S3", server.URL)
	t.Setenv("AWS_REGION", "us-east-1")
	t.Setenv("AWS_ACCESS_KEY_ID", "key")
	t.Setenv("AWS_SECRET_ACCESS_KEY", "secret")
	runPage(t, "connectors/filesystem.md")
}

// runPage runs the examples of a page of docs, each with a directory of its own in place of /data. A line
// "-- {…}" behind a statement is a row that it gives.
func runPage(t *testing.T, name string) {
	page, err := os.ReadFile("../../docs/" + name)
	if err != nil {
		t.Fatal(err)
	}
	blocks := sqlBlock.FindAllStringSubmatch(string(page), -1)
	if len(blocks) == 0 {
		t.Fatal("there is no example")
	}
	for _, b := range blocks {
		text := strings.ReplaceAll(b[1], "/data", t.TempDir())
		s := sql.NewSession(sql.With(Factories(), Formats()), sql.On(launch.Executor()), sql.Set("execution.runtime-mode", "batch"))
		for statement := range strings.SplitSeq(text, ";\n") {
			lines := strings.Split(strings.TrimSpace(statement), "\n")
			if lines[0] == "" {
				continue
			}
			var want []string
			for len(lines) > 0 && strings.HasPrefix(lines[0], "-- ") { // of the statement before
				lines = lines[1:]
			}
			for _, line := range strings.Split(text[strings.Index(text, statement)+len(statement):], "\n")[1:] {
				row, ok := strings.CutPrefix(line, "-- ")
				if !ok {
					break
				}
				want = append(want, row)
			}
			if len(lines) == 0 {
				continue
			}
			if got := execute(t, s, strings.Join(lines, "\n")); strings.HasPrefix(lines[0], "SELECT") && !slices.Equal(got, want) {
				t.Errorf("%s\ngives\n%s\nwant\n%s", statement, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	}
}

func execute(t *testing.T, s *sql.Session, text string) (rows []string) {
	t.Helper()
	r, err := s.Execute(t.Context(), text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	defer r.Close()
	for b, err := range r.Batches() {
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		for i := range b.N {
			rows = append(rows, string(r.AppendJSON(nil, b, i)))
		}
	}
	return rows
}

package all

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/flott-dev/flott/config"
)

var update = flag.Bool("update", false, "write docs/tables.md anew")

const head = `# Tables: connectors and formats

Written by ` + "`go test ./connect/all -update`" + `. What ` + "`'connector'` and `'format'`" + ` of CREATE TABLE can name, with the options that each takes; those of a
format have its name before them, as in ` + "`'csv.null-literal' = ''`" + `. An option that is not here is an error, as is a value that it does not take.
[formats.md](formats.md) says what formats look like.

csv, json, raw and changelogs in JSON are those of Apache Flink 2.2, by its answers to several hundred records (format/*/testdata); avro, avro-confluent, protobuf and parquet
have its options and types as its documentation and code say, and were compared with other libraries. Where the first ones differ:

- csv: a line break inside quotes is one of the text in files, each of which is read by one reader for that, unless csv.disable-quote-character is true; elsewhere a record is a line. Dates are of the Gregorian calendar at all times.
- json: the last of several equal keys counts, whatever stands between them. Text must be UTF-8. An object for a BOOLEAN is an error.
  Records of white space or null are errors, as with Flink's streaming parser.
- An option that there is not is an error, also in tables of files.
`

// TestDocumentation holds docs/tables.md to the options.
func TestDocumentation(t *testing.T) {
	var b strings.Builder
	b.WriteString(head)
	b.WriteString("\n## Connectors\n")
	for _, f := range Factories() {
		abilities := []string{}
		if f.NewSource != nil {
			abilities = append(abilities, "read")
		}
		if f.NewSink != nil {
			abilities = append(abilities, "written")
		}
		section(&b, f.Name, "Can be "+strings.Join(abilities, " and ")+".", f.Options)
	}
	b.WriteString("\n## Formats\n")
	for _, f := range Formats() {
		text := "Inserts."
		if f.Reads != 1 {
			text = "Inserts, updates and deletions."
		}
		section(&b, f.Name, text, f.Options)
	}
	const file = "../../docs/tables.md"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != b.String() {
		t.Errorf("%s is not what the options say; run go test ./connect/all -update", file)
	}
}

func section(b *strings.Builder, name, text string, options config.Set) {
	fmt.Fprintf(b, "\n### %s\n\n%s\n", name, text)
	if len(options) == 0 {
		return
	}
	b.WriteString("\n| option | values | default | what it does |\n| --- | --- | --- | --- |\n")
	for _, d := range options.Docs() {
		def := strings.ReplaceAll(d.Default, "|", "\\|")
		if d.Required {
			def = "(required)"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s | %s |\n", d.Key, d.Type, def, d.Text)
	}
}

// TestDefaultsAreValues holds that defaults parse, and that names are there once.
func TestDefaultsAreValues(t *testing.T) {
	sets, names := map[string]config.Set{}, []string{}
	for _, f := range Factories() {
		sets[f.Name], names = f.Options, append(names, f.Name)
	}
	for _, f := range Formats() {
		sets[f.Name], names = f.Options, append(names, f.Name)
	}
	if slices.Sort(names); len(slices.Compact(slices.Clone(names))) != len(names) {
		t.Errorf("a name is there twice: %v", names)
	}
	for name, set := range sets {
		texts := map[string]string{}
		for _, d := range set.Docs() {
			switch {
			case d.Default != "":
				texts[d.Key] = d.Default
			case d.Required:
				texts[d.Key] = "1"
			}
		}
		if _, err := set.Parse(texts, ""); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

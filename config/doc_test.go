package config_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/flott-dev/flott/config"
)

var update = flag.Bool("update", false, "write docs/configuration.md anew")

const head = `# Configuration

Written by ` + "`go test ./config -update`" + ` from config/options.go.

What a job says about its runs in code can be said from outside, with the keys of Apache Flink where it has one. By a file for all
jobs of a process, or by the program:

    FLOTT_CONF=config.yaml go run ./examples/balances
    launch.Run(ctx, env, "orders", launch.Configuration(c))       // c from config.Load, Set and SetPairs

` + "`flott config`" + ` and the benchmark's command have ` + "`--conf FILE` and `-D key=value`, `flott sql` has `-D`" + `. What stands first is taken: options in code; -D and Set; the file given to the program; the options in FLOTT_PROPERTIES, which
has the text of such a file; the file of FLOTT_CONF; defaults. Operators' own settings, such as their parallelism, are code. ` + "`flott config`" + ` prints what a
job would get and where it comes from; values of keys such as ` + "`…password`, `…secret` or `…token`" + ` are not shown.

Keys ` + "`jobmanager.…`, `taskmanager.…`, `rest.…`, `heartbeat.…`, `slot.…`, `metrics.…`, `security.…`" + ` are for the processes of a [cluster](cluster.md), ` + "`high-availability.…`" + ` for its [JobManager](high-availability.md). Jobs within one process take no notice of any.

A file is YAML with flat or nested keys (` + "`config.yaml`" + `), or lines ` + "`key: value`" + ` (Flink's old ` + "`flink-conf.yaml`" + `). A key that is not in
the table is an error, as is a value that the option does not take, and a key that is set twice in one file, under whatever name. Durations are a whole number
and a unit (` + "`10 s`, `500ms`, `1min`, `2 h`, `1 d`" + `; without a unit milliseconds), memory sizes likewise (` + "`64mb`, `1 gb`" + `; without a unit
bytes; a kb is 1024).

| key | values | default | what it does |
| --- | --- | --- | --- |
`

// TestDocumentation holds docs/configuration.md to the options.
func TestDocumentation(t *testing.T) {
	var b strings.Builder
	b.WriteString(head)
	for _, d := range config.All() {
		text := d.Text
		if len(d.Aliases) > 0 {
			text += " Also `" + strings.Join(d.Aliases, "`, `") + "`."
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", d.Key, d.Type, d.Default, text)
	}
	const file = "../docs/configuration.md"
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
		t.Errorf("%s is not what the options say; run go test ./config -update", file)
	}
}

package json

import (
	"strings"
	"testing"

	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/format/formattest"
	"github.com/flott-dev/flott/row"
)

// TestMetadata reads what changes say besides their rows.
func TestMetadata(t *testing.T) {
	const (
		source  = `"source":{"version":"1.9","ts_ms":1700000000123,"db":"shop","schema":"public","table":"orders","snapshot":null,"gtid":[1]}`
		payload = `{"before":{"a":1},"after":{"a":2},` + source + `,"op":"u","ts_ms":1700000000456}`
		canal   = `{"data":[{"a":1},{"a":2}],"type":"INSERT","database":"shop","table":"orders","sqlType":{"a":4},"pkNames":["a"],"ts":1700000000456,"es":1700000000000}`
	)
	all := []string{"schema", "ingestion-timestamp", "source.timestamp", "source.database", "source.schema", "source.table", "source.properties"}
	const sourceRow = `"2023-11-14 22:13:20.456Z","2023-11-14 22:13:20.123Z","shop","public","orders",` +
		`{"map":[["db","shop"],["gtid","[1]"],["schema","public"],["snapshot",null],["table","orders"],["ts_ms","1700000000123"],["version","1.9"]]}]`
	for _, c := range []struct {
		f               format.Factory
		options, record string
		names           []string
		want            string
	}{
		{Debezium, "", payload, all, `-U [1,null,` + sourceRow + ` +U [2,null,` + sourceRow},
		{
			Debezium, `schema-include="true"`, `{"schema":{"type":"struct"},"payload":` + payload + `}`, all,
			`-U [1,"{\"type\":\"struct\"}",` + sourceRow + ` +U [2,"{\"type\":\"struct\"}",` + sourceRow,
		},
		{Debezium, `schema-include="true"`, `{"payload":` + payload + `}`, []string{"schema", "source.table"}, `-U [1,null,"orders"] +U [2,null,"orders"]`},
		{Debezium, "", `{"after":{"a":2},"op":"c"}`, all, `+I [2,null,null,null,null,null,null,null]`},
		{Debezium, "", `{"after":{"a":2},"op":"c","source":{"ts_ms":"x"}}`, all, `ERROR`},
		{Debezium, `ignore-parse-errors="true"`, `{"after":{"a":2},"op":"c","source":{"ts_ms":"x"}}`, all, ``},
		{Debezium, "", `{"after":{"a":2},"op":"c","source":{"ts_ms":"x"}}`, all[:2], `+I [2,null,null]`},
		{
			Canal, "", canal,
			[]string{"database", "table", "sql-type", "pk-names", "ingestion-timestamp", "event-timestamp"},
			`+I [1,"shop","orders",{"map":[["a",4]]},["a"],"2023-11-14 22:13:20.456Z","2023-11-14 22:13:20.000Z"] ` +
				`+I [2,"shop","orders",{"map":[["a",4]]},["a"],"2023-11-14 22:13:20.456Z","2023-11-14 22:13:20.000Z"]`,
		},
		{
			Maxwell, "", `{"data":{"a":1},"type":"insert","database":"shop","table":"orders","primary_key_columns":["a"],"ts":1}`,
			[]string{"primary-key-columns", "ingestion-timestamp", "table", "database"},
			`+I [1,["a"],"1970-01-01 00:00:00.001Z","orders","shop"]`,
		},
	} {
		table, err := formattest.Table(c.f, formattest.Schema("a INT, b STRING"), c.options)
		if err != nil {
			t.Fatal(err)
		}
		table.Project = []int{0}
		for _, name := range c.names {
			for _, f := range c.f.Metadata {
				if f.Name == name {
					table.Metadata = append(table.Metadata, f)
				}
			}
		}
		if len(table.Metadata) != len(c.names) {
			t.Errorf("%s: the metadata are %v, want %v", c.f.Name, table.Metadata, c.names)
			continue
		}
		got, err := formattest.Decode(c.f, table, c.record)
		text := strings.Join(got, " ")
		if err != nil {
			text = "ERROR"
		}
		if text != c.want {
			t.Errorf("%s %s of %s:\n%s, want\n%s (%v)", c.f.Name, c.names, c.record, text, c.want, err)
		}
	}
	table, err := formattest.Table(Debezium, formattest.Schema("a INT"), "")
	if err != nil {
		t.Fatal(err)
	}
	table.Metadata = []row.Field{{Name: "sources", Type: row.StringType()}}
	if _, err := Debezium.NewDecoder(table); err == nil || !strings.Contains(err.Error(), "no metadata column 'sources'") {
		t.Errorf("an unknown one: %v", err)
	}
}

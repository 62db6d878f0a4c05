package kafka

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/connecttest"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/format/csv"
	"github.com/flott-dev/flott/format/formattest"
	"github.com/flott-dev/flott/format/json"
)

// table makes the source of some columns of a table.
func (c *cluster) table(schema string, scan connect.Scan, pairs ...string) (connect.ColumnSource, error) {
	c.t.Helper()
	spec := &connect.TableSpec{
		Name: "t", Schema: formattest.Schema(schema), Formats: append([]format.Factory{csv.Factory, json.Factory, json.Debezium}, binaryFormats...),
		Options: map[string]string{
			"connector": "kafka", "properties.bootstrap.servers": strings.Join(c.brokers, ","), "topic": "a",
			"scan.startup.mode": "earliest-offset", "scan.bounded.mode": "latest-offset",
		},
	}
	setOptions(spec, pairs)
	t, err := Table.NewSource(spec)
	if err != nil {
		return nil, err
	}
	return t.Scan(scan)
}

// setOptions sets options of a table, given as names and values; those with an empty value go.
func setOptions(spec *connect.TableSpec, pairs []string) {
	for i := 0; i < len(pairs); i += 2 {
		if spec.Options[pairs[i]] = pairs[i+1]; pairs[i+1] == "" {
			delete(spec.Options, pairs[i])
		}
	}
}

// pairsOf are the names and values in a text like a=b c=d.
func pairsOf(text string) (pairs []string) {
	for o := range strings.FieldsSeq(text) {
		k, v, _ := strings.Cut(o, "=")
		pairs = append(pairs, k, v)
	}
	return pairs
}

// rows reads a table to its end.
func (c *cluster) rows(schema string, scan connect.Scan, pairs ...string) ([]string, error) {
	c.t.Helper()
	s, err := c.table(schema, scan, pairs...)
	if err != nil {
		return nil, err
	}
	d := connecttest.NewDriver(c.t, connecttest.Rows(s, formattest.Rows), 2, nil)
	defer d.Close()
	got, err := d.Read(0)
	slices.Sort(got)
	return got, err
}

func TestTable(t *testing.T) { onEach(t, testTable) }

func testTable(t *testing.T, newCluster makeCluster) {
	c := newCluster(t, 2, "a")
	c.put("a", 0, `{"n":1,"s":"x"}`, `{"n":2,"s":"y"}`, `{"n":3}`)
	c.put("a", 1, `{"n":4}`)
	want := []string{`["x",1]`, `["y",2]`, `[null,3]`, `[null,4]`}
	connecttest.Source(t, func() connect.Source[string] {
		s, err := c.table("n INT, s STRING", connect.Scan{Project: []int{1, 0}}, "format", "json")
		if err != nil {
			t.Fatal(err)
		}
		return connecttest.Rows(s, formattest.Rows)
	}, connecttest.Options[string]{Want: want})
}

func TestTableKeysAndMetadata(t *testing.T) { onEach(t, testTableKeysAndMetadata) }

func testTableKeysAndMetadata(t *testing.T, newCluster makeCluster) {
	c := newCluster(t, 1, "a")
	c.put("a", 0, "1", "2") // keys k1, k2
	for _, test := range []struct {
		schema, options string
		scan            connect.Scan
		want            string
	}{
		{"k STRING, v INT", "key.fields=k value.fields-include=EXCEPT_KEY", connect.Scan{}, `["k1",1] ["k2",2]`},
		{"v INT, k STRING", "key.fields=k value.fields-include=EXCEPT_KEY", connect.Scan{Project: []int{0}}, `[1] [2]`},
		{"v INT, k STRING", "key.fields=k value.fields-include=EXCEPT_KEY", connect.Scan{Project: []int{1}}, `["k1"] ["k2"]`},
		{"key_a STRING, a INT", "key.fields=key_a key.fields-prefix=key_ value.fields-include=EXCEPT_KEY", connect.Scan{}, `["k1",1] ["k2",2]`},
		{"k STRING", "key.fields=k", connect.Scan{}, `["1"] ["2"]`}, // the value has it too
		{"v INT", "", connect.Scan{Project: []int{}, Metadata: []string{"offset", "partition", "topic"}}, `[0,0,"a"] [1,0,"a"]`},
		{
			"v INT", "",
			connect.Scan{Project: []int{0}, Metadata: []string{"timestamp", "timestamp-type", "headers", "leader-epoch"}},
			`[1,"1970-01-01 00:00:00.000Z","CreateTime",{"map":[["h","0x31"]]},0] [2,"1970-01-01 00:00:01.000Z","CreateTime",{"map":[["h","0x32"]]},0]`,
		},
	} {
		pairs := []string{"format", "csv"}
		pairs = append(pairs, pairsOf(test.options)...)
		if strings.Contains(test.options, "key.fields") {
			pairs = append(pairs, "format", "", "key.format", "csv", "value.format", "csv", "value.csv.ignore-parse-errors", "false")
		}
		got, err := c.rows(test.schema, test.scan, pairs...)
		if err != nil || strings.Join(got, " ") != test.want {
			t.Errorf("%s %s: %s, %v; want %s", test.schema, test.options, got, err, test.want)
		}
	}
}

// TestTableFormatMetadata reads what the format of the value knows, beside what the connector does.
func TestTableFormatMetadata(t *testing.T) {
	c := fakeCluster(t, 1, "a")
	c.put("a", 0, `{"before":{"n":1},"after":{"n":2},"op":"u","ts_ms":5,"source":{"table":"orders"}}`)
	scan := connect.Scan{Project: []int{0}, Metadata: []string{"offset", "value.source.table", "partition", "value.ingestion-timestamp"}}
	got, err := c.rows("n INT", scan, "format", "debezium-json")
	want := `+U [2,0,"orders",0,"1970-01-01 00:00:00.005Z"] -U [1,0,"orders",0,"1970-01-01 00:00:00.005Z"]`
	if err != nil || strings.Join(got, " ") != want {
		t.Errorf("rows are %s, %v; want %s", got, err, want)
	}
	scan.Metadata = []string{"value.source.tables"}
	if _, err := c.rows("n INT", scan, "format", "debezium-json"); err == nil || !strings.Contains(err.Error(), "value.source.table, value.source.properties, topic") {
		t.Errorf("an unknown one: %v", err)
	}
}

// TestTableChanges reads changes, tombstones between them, and bad records.
func TestTableChanges(t *testing.T) { onEach(t, testTableChanges) }

func testTableChanges(t *testing.T, newCluster makeCluster) {
	c := newCluster(t, 1, "a")
	c.put("a", 0, `{"before":null,"after":{"n":1},"op":"c"}`, `{"before":{"n":1},"after":{"n":2},"op":"u"}`)
	got, err := c.rows("n INT", connect.Scan{}, "format", "debezium-json")
	if want := "+I [1] +U [2] -U [1]"; err != nil || strings.Join(got, " ") != want {
		t.Errorf("%s, %v; want %s", got, err, want)
	}
	c.put("a", 0, "{")
	_, err = c.rows("n INT", connect.Scan{}, "format", "debezium-json")
	if want := `topic a, partition 0, offset 2: `; err == nil || !strings.HasPrefix(err.Error(), want) {
		t.Errorf("%v, want %s", err, want)
	}
	got, err = c.rows("n INT", connect.Scan{}, "format", "debezium-json", "debezium-json.ignore-parse-errors", "true")
	if err != nil || len(got) != 3 {
		t.Errorf("bad records that are passed over: %s, %v", got, err)
	}
	dir := t.TempDir()
	got, err = c.rows("n INT", connect.Scan{}, "format", "debezium-json", "scan.bad-records", "dead-letter", "scan.dead-letter.directory", dir)
	if err != nil || len(got) != 3 {
		t.Errorf("bad records that are dead letters: %s, %v", got, err)
	}
	letters, err := filepath.Glob(dir + "/*.json")
	if err != nil || len(letters) != 1 {
		t.Fatalf("%v, %v", letters, err)
	}
	text, err := os.ReadFile(letters[0])
	if err != nil || !strings.Contains(string(text), `"table":"t","place":"topic a, partition 0, offset 2",`) || !strings.Contains(string(text), `"record":"{"}`) {
		t.Errorf("%s, %v", text, err)
	}
}

func TestTableOffsets(t *testing.T) { onEach(t, testTableOffsets) }

func testTableOffsets(t *testing.T, newCluster makeCluster) {
	c := newCluster(t, 2, "a")
	c.put("a", 0, "0", "1", "2", "3")
	for _, test := range []struct{ options, want string }{
		{"scan.startup.mode=specific-offsets scan.startup.specific-offsets=partition:0,offset:2;partition:1,offset:0", "[2] [3]"},
		{"scan.startup.mode=timestamp scan.startup.timestamp-millis=1000", "[1] [2] [3]"},
		{"scan.startup.mode=latest-offset", ""},
		{"scan.bounded.mode=specific-offsets scan.bounded.specific-offsets=partition:0,offset:1", "[0]"},
		{"scan.bounded.mode=timestamp scan.bounded.timestamp-millis=2000", "[0] [1]"},
		{"scan.startup.mode=group-offsets properties.group.id=g properties.auto.offset.reset=earliest", "[0] [1] [2] [3]"},
	} {
		pairs := []string{"format", "csv"}
		pairs = append(pairs, pairsOf(test.options)...)
		got, err := c.rows("n INT", connect.Scan{}, pairs...)
		if err != nil || strings.Join(got, " ") != test.want {
			t.Errorf("%s: %s, %v; want %s", test.options, got, err, test.want)
		}
	}
}

func TestTableErrors(t *testing.T) { onEach(t, testTableErrors) }

func testTableErrors(t *testing.T, newCluster makeCluster) {
	c := newCluster(t, 1, "a")
	for _, test := range []struct{ options, want string }{
		{"properties.bootstrap.servers=", "table t: properties.bootstrap.servers is missing: the brokers to begin with, as host:port"},
		{"topic=", "table t: no topic is named"},
		{"topic-pattern=a.*", "there are topics and a pattern of topics"},
		{"topic= topic-pattern=(", "the pattern of topics: error parsing regexp"},
		{"scan.startup.mode=group-offsets", "properties.group.id is missing: the offsets of that group are wanted"},
		{"scan.startup.mode=timestamp", "the option 'scan.startup.timestamp-millis' is missing, to which 'timestamp' belongs"},
		{"scan.startup.mode=specific-offsets", "scan.startup.specific-offsets: \"\" is not like partition:0,offset:42;partition:1,offset:300"},
		{"scan.bounded.mode=specific-offsets scan.bounded.specific-offsets=partition:0", "\"partition:0\" is not like"},
		{"properties.isolation.lewel=x", "did you mean properties.isolation.level?"},
		{"properties.isolation.level=x", "properties.isolation.level: \"x\" does not do: it is read_committed or read_uncommitted"},
		{"properties.fetch.min.bytes=x", "it is a number"},
		{"properties.security.protocol=SASL_SSL", "properties.sasl.jaas.config is missing"},
		{"properties.sasl.jaas.config=x", "properties.sasl.jaas.config: the value does not do: it has no username"},
		{"properties.ssl.truststore.type=JKS", "what is known is PEM"},
		{"properties.security.protocol=SSL properties.ssl.truststore.location=/nowhere", "properties.ssl.truststore.location: open /nowhere"},
		{"key.format=csv", "'key.format' is given, and 'key.fields' is not"},
		{"key.fields=n", "'key.fields' is given, and 'key.format' is not"},
		{"key.fields=x key.format=csv", "'key.fields' names the column x, which is not there"},
		{"key.fields=n key.format=csv key.fields-prefix=k_", "'key.fields-prefix' needs 'value.fields-include' = 'EXCEPT_KEY'"},
		{"key.fields=n key.format=debezium-json", "'key.format' = 'debezium-json' has changes; keys have values only"},
		{"key.fields=n key.format=cvs", "there is no format 'cvs'; did you mean 'csv'?"},
		{"value.csv.null-literal=x", "value.csv.null-literal"},
	} {
		pairs := []string{"format", "csv"}
		pairs = append(pairs, pairsOf(test.options)...)
		if _, err := c.table("n INT", connect.Scan{}, pairs...); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: %v; want %s", test.options, err, test.want)
		}
	}
	if _, err := c.table("n INT", connect.Scan{Metadata: []string{"ofset"}}, "format", "csv"); err == nil || !strings.Contains(err.Error(), "there are topic, partition, headers") {
		t.Errorf("an unknown metadata column: %v", err)
	}
}

// TestDocumentation holds the page about Kafka to the properties.
func TestDocumentation(t *testing.T) {
	page, err := os.ReadFile("../../docs/connectors/kafka.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := regexp.MustCompile("(?m)^\\| `([a-z.]+)` \\|").FindAllStringSubmatch(string(page), -1)
	if len(rows) != len(properties) {
		t.Errorf("%d properties are documented, and there are %d", len(rows), len(properties))
	}
	for _, r := range rows {
		if properties[r[1]] == nil {
			t.Errorf("there is no property %s", r[1])
		}
	}
}

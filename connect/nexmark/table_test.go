package nexmark

import (
	"slices"
	"strings"
	"testing"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/connecttest"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/format/formattest"
	"github.com/flott-dev/flott/format/json"
	"github.com/flott-dev/flott/row"
)

const eventSchema = "event_type INT, person ROW<id BIGINT, name STRING, emailAddress STRING, creditCard STRING, city STRING, state STRING, " +
	"dateTime TIMESTAMP(3), extra STRING>, auction ROW<id BIGINT, itemName STRING, description STRING, initialBid BIGINT, reserve BIGINT, " +
	"dateTime TIMESTAMP(3), expires TIMESTAMP(3), seller BIGINT, category BIGINT, extra STRING>, bid ROW<auction BIGINT, bidder BIGINT, " +
	"price BIGINT, channel STRING, url STRING, dateTime TIMESTAMP(3), extra STRING>"

func scan(t *testing.T, schema string, s connect.Scan) connect.Source[string] {
	t.Helper()
	table, err := Table.NewSource(&connect.TableSpec{
		Name: "t", Schema: formattest.Schema(schema), Options: map[string]string{"events.num": "300", "seed": "7"},
	})
	if err != nil {
		t.Fatal(err)
	}
	columns, err := table.Scan(s)
	if err != nil {
		t.Fatal(err)
	}
	return connecttest.Rows(columns, formattest.Rows)
}

// TestTableHasPartsOfROWs compares with a table that has no more.
func TestTableHasPartsOfROWs(t *testing.T) {
	const part = "bid ROW<price BIGINT, url STRING, dateTime TIMESTAMP(3)>, person ROW<emailAddress STRING>"
	var types []*row.Type
	for _, f := range formattest.Schema(part).Fields {
		types = append(types, f.Type)
	}
	read := func(schema string, s connect.Scan) []string {
		rows, err := connecttest.NewDriver(t, scan(t, schema, s), 1, nil).Read(0)
		if err != nil || len(rows) != 300 {
			t.Fatal(len(rows), err)
		}
		return rows
	}
	want := read(part, connect.Scan{})
	if got := read(eventSchema, connect.Scan{Project: []int{3, 1}, Types: types}); !slices.Equal(got, want) {
		t.Errorf("%s …, want %s", got[0], want[0])
	}
}

// TestTableHasTheEvents compares columns with the events as JSON, read by the format json; whole and in
// part.
func TestTableHasTheEvents(t *testing.T) {
	const part = "bid ROW<price BIGINT, dateTime TIMESTAMP(3)>, event_type INT, person ROW<name STRING>"
	for _, schema := range []string{eventSchema, part} {
		for _, project := range [][]int{nil, {2, 0}} {
			newDecoder, err := json.Factory.NewDecoder(&format.Table{Schema: formattest.Schema(schema), Project: project})
			if err != nil {
				t.Fatal(err)
			}
			table := &format.Table{Schema: formattest.Schema(schema), Project: project}
			want, d := formattest.Batch(json.Factory, table), newDecoder()
			g := NewGenerator(Config{Seed: 7, Events: 300})
			for n := range int64(300) {
				var e Event
				g.Event(n, AllFields, &e)
				if err := d.Decode(AppendJSON(nil, &e), want); err != nil {
					t.Fatal(err)
				}
			}
			got, err := connecttest.NewDriver(t, scan(t, schema, connect.Scan{Project: project}), 1, nil).Read(0)
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(got, formattest.Rows(want)) {
				t.Errorf("%s, columns %v: %s …", schema, project, got[0])
			}
		}
	}
}

func TestTableIsASource(t *testing.T) {
	connecttest.Source(t, func() connect.Source[string] { return scan(t, eventSchema, connect.Scan{}) }, connecttest.Options[string]{})
}

func TestTableSize(t *testing.T) {
	for num, want := range map[string]int64{"300": 300, "0": -1} {
		table, err := Table.NewSource(&connect.TableSpec{
			Name: "t", Schema: formattest.Schema("event_type INT"), Options: map[string]string{"events.num": num},
		})
		if err != nil {
			t.Fatal(err)
		}
		n, ok := table.(connect.Sized).Size()
		if !ok {
			n = -1
		}
		if n != want {
			t.Errorf("%s events: %d rows, want %d", num, n, want)
		}
	}
}

func TestTableErrors(t *testing.T) {
	for schema, want := range map[string]string{
		"event INT":                     "there is no column event; there are event_type, person, auction and bid",
		"bid ROW<prce BIGINT>":          "column bid has no field prce; it has auction, bidder, price",
		"bid ROW<price INT>":            "field price of column bid is of type INT, want BIGINT",
		"bid INT, event_type STRING":    "column event_type is of type STRING, want INT",
		"auction ROW<extra INT>, x INT": "there is no column x",
	} {
		if _, err := Table.NewSource(&connect.TableSpec{Schema: formattest.Schema(schema)}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", schema, err, want)
		}
	}
}

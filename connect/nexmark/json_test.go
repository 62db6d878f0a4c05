package nexmark

import (
	"encoding/csv"
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestParseJSONReadsWhatAppendJSONWrites(t *testing.T) {
	events := make([]Event, 5000)
	tables0().Generator().GenerateBatch(0, 7, AllFields, events)
	var got Event
	for i := range events {
		line := AppendJSON(nil, &events[i])
		if err := ParseJSON(line, &got); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if got != events[i] {
			t.Fatalf("event %d:\n got %+v\nwant %+v", i, got, events[i])
		}
	}
}

func TestParseJSONReadsFlinkEvents(t *testing.T) {
	var got, want Event
	g := tables0().Generator()
	for n, line := range flinkEvents(t) {
		if err := ParseJSON(line, &got); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if g.Event(int64(n), AllFields, &want); got != want {
			t.Fatalf("event %d:\n got %+v\nwant %+v", n, got, want)
		}
	}
}

const bidColumnsJSON = `"auction":1,"bidder":-2,"price":3,"channel":"c","url":"u",` +
	`"dateTime":"1970-01-01 00:00:00.01","extra":"x"`

func TestParseJSONIsFreeInLayout(t *testing.T) {
	want := Event{Kind: KindBid, Bid: Bid{
		Auction: 1, Bidder: -2, Price: 3, Channel: "c", URL: "u", DateTime: 10, Extra: "x",
	}}
	for _, line := range []string{
		`{"event_type":2,"bid":{` + bidColumnsJSON + `}}`,
		`{"event_type":2,"person":null,"auction":null,"bid":{` + bidColumnsJSON + `}}`,
		`{"bid":{` + bidColumnsJSON + `},"event_type":2}` + "\r\n",
		"\t{ \"event_type\" : 2 , \"bid\" : { \"extra\" : \"x\" , \"url\":\"\\u0075\"," +
			` "dateTime":"1970-01-01 00:00:00.010", "channel":"c","price":3,"bidder":-2,` +
			`"auction":1 } } `,
	} {
		got := Event{Kind: KindAuction, Auction: Auction{ID: 7}}
		if err := ParseJSON([]byte(line), &got); err != nil || got != want {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", line, got, err, want)
		}
	}
}

func TestParseJSONRejects(t *testing.T) {
	const head = `{"event_type":2,"bid":{`
	edit := func(old, new string) string {
		return head + strings.Replace(bidColumnsJSON, old, new, 1) + `}}`
	}
	for _, c := range []struct{ line, want string }{
		{``, `byte 0: want {, got ""`},
		{`[]`, `byte 0: want {, got "[]"`},
		{`{}`, `type -1 with 0 parts`},
		{`{"event_type":1,"bid":{` + bidColumnsJSON + `}}`, `type 1 with 1 parts, last of kind 2`},
		{`{"event_type":2,"bid":null}`, `type 2 with 0 parts`},
		{`{"event_type":2,"event_type":2}`, `want a column that is not yet set`},
		{head + bidColumnsJSON + `}}}`, `want end of line, got "}"`},
		{head + bidColumnsJSON + `}`, `want , or }, got ""`},
		{head + bidColumnsJSON + `,}}`, `want a string`},
		{head + bidColumnsJSON + `,"price":3}}`, `want a column that is not yet set`},
		{edit(`"price":3,`, ``), `want every column to be set`},
		{edit(`price`, `prize`), `want a column that is not yet set`},
		{edit(`:3`, `:null`), `want a whole number`},
		{edit(`:3`, `:03`), `want a whole number`},
		{edit(`:3`, `:3.0`), `want , or }, got ".0`},
		{edit(`:3`, `:-`), `want a whole number`},
		{edit(`:3`, `:9223372036854775808`), `want a whole number`},
		{edit(`"c"`, `"\x"`), `want an escape`},
		{edit(`"c"`, `"\u12"`), `want an escape`},
		{edit(`"c"`, `"\uD800"`), `want a pair of surrogates`},
		{edit(`"c"`, "\"a\tb\""), `want no control character`},
		{edit(`"c"`, "\"\\n\tb\""), `want no control character`},
		{edit(`"x"`, `"x`)[:60], `want`},
		{edit(`"1970-01-01 00:00:00.01"`, `"1970-01-01T00:00:00"`), `want a timestamp`},
		{edit(`1970-01-01`, `1970-02-29`), `want a timestamp`},
		{edit(`00:00:00`, `24:00:00`), `want a timestamp`},
		{edit(`.01`, `.`), `want a timestamp`},
		{edit(`.01`, `.0123`), `want a timestamp`},
		{edit(`.01`, `.0x`), `want a timestamp`},
	} {
		got := Event{Kind: KindPerson, Person: Person{ID: 1}}
		err := ParseJSON([]byte(c.line), &got)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q in it", c.line, err, c.want)
		}
		if got != (Event{}) {
			t.Errorf("%s: the event is not empty after the error: %+v", c.line, got)
		}
	}
}

// What is expected here was written by the Jackson that Flink 2.2.1 has in it.
func TestStringsAreEscapedLikeJackson(t *testing.T) {
	var all strings.Builder
	for r := range rune(0x180) {
		all.WriteRune(r)
	}
	all.WriteString("/\u2028€😀")
	e := Event{Kind: KindBid, Bid: Bid{Channel: all.String(), URL: `a"b\c`, Extra: "\x01\x1f\n"}}
	line := AppendJSON(nil, &e)
	for _, want := range []string{
		`"url":"a\"b\\c"`, `"extra":"\u0001\u001F\n"`,
		`\u0007\b\t\n\u000B\f\r\u000E`, "~\x7f\u0080", "/\u2028€\\uD83D\\uDE00",
	} {
		if !strings.Contains(string(line), want) {
			t.Errorf("no %q in %s", want, line)
		}
	}
	if !json.Valid(line) {
		t.Errorf("not valid JSON: %s", line)
	}
	var got Event
	if err := ParseJSON(line, &got); err != nil || got != e {
		t.Errorf("got %+v, %v\nwant %+v", got, err, e)
	}
	pair := strings.Replace(string(line), `\uD83D\uDE00`, "😀", 1)
	if err := ParseJSON([]byte(pair), &got); err != nil || got != e {
		t.Errorf("plain emoji: got %+v, %v\nwant %+v", got, err, e)
	}
}

func TestTimestamps(t *testing.T) {
	for _, c := range []struct {
		millis int64
		want   string
	}{
		{1704067200000, "2024-01-01 00:00:00"},
		{1704067200001, "2024-01-01 00:00:00.001"},
		{1704067200120, "2024-01-01 00:00:00.12"},
		{1704067200500, "2024-01-01 00:00:00.5"},
		{1709251199999, "2024-02-29 23:59:59.999"},
		{-1, "1969-12-31 23:59:59.999"},
		{-62167219200000, "0000-01-01 00:00:00"},
		{253402300799999, "9999-12-31 23:59:59.999"},
	} {
		if got := string(appendTimestamp(nil, c.millis)); got != c.want {
			t.Errorf("%d: %s, want %s", c.millis, got, c.want)
		}
		if got, ok := parseTimestamp(c.want); !ok || got != c.millis {
			t.Errorf("%s: %d %v, want %d", c.want, got, ok, c.millis)
		}
	}
	// Outside of these years there is text, but it is not read.
	for _, c := range []struct {
		millis int64
		want   string
	}{
		{-62167219200001, "-0001-12-31 23:59:59.999"},
		{253402300800000, "+10000-01-01 00:00:00"},
	} {
		if got := string(appendTimestamp(nil, c.millis)); got != c.want {
			t.Errorf("%d: %s, want %s", c.millis, got, c.want)
		}
	}
	for millis := int64(-1e12); millis < 3e12; millis += 98_765_432_1 {
		want := time.UnixMilli(millis).UTC().Format("2006-01-02 15:04:05.999")
		if got := string(appendTimestamp(nil, millis)); got != want {
			t.Fatalf("%d: %s, want %s", millis, got, want)
		}
	}
}

func TestAppendCSV(t *testing.T) {
	header := strings.Split(CSVHeader, ",")
	events := make([]Event, 200)
	tables0().Generator().GenerateBatch(0, 1, AllFields, events)
	quoted := Event{Kind: KindBid, Bid: Bid{Channel: `a,"b"`, URL: "", Extra: "x\ny"}}
	for _, e := range append(events, quoted) {
		line := AppendCSV(nil, &e)
		row, err := csv.NewReader(strings.NewReader(string(line))).Read()
		if err != nil || len(row) != len(header) {
			t.Fatalf("%s: %d columns, %v, want %d", line, len(row), err, len(header))
		}
		set := map[string]string{}
		for i, v := range row {
			if v != "" {
				set[header[i]] = v
			}
		}
		checkCSV(t, &e, set)
	}
	line := string(AppendCSV(nil, &quoted))
	if !strings.HasSuffix(line, ",0,0,0,\"a,\"\"b\"\"\",\"\",1970-01-01 00:00:00,\"x\ny\"") {
		t.Errorf("quoting: %s", line)
	}
}

// checkCSV compares what is in the named columns of a line with e.
func checkCSV(t *testing.T, e *Event, set map[string]string) {
	t.Helper()
	prefix := []string{"person_", "auction_", "bid_"}[e.Kind]
	columns := slices.Concat(personColumns(&e.Person))
	switch e.Kind {
	case KindAuction:
		columns = auctionColumns(&e.Auction)
	case KindBid:
		columns = bidColumns(&e.Bid)
	}
	want := map[string]string{"event_type": strconv.Itoa(int(e.Kind))}
	for _, c := range columns {
		switch {
		case c.number != nil:
			want[prefix+c.name] = strconv.FormatInt(*c.number, 10)
		case c.millis != nil:
			want[prefix+c.name] = string(appendTimestamp(nil, *c.millis))
		case *c.text != "":
			want[prefix+c.name] = *c.text
		}
	}
	if len(set) != len(want) {
		t.Fatalf("columns %v, want %v", set, want)
	}
	for name, v := range want {
		if set[name] != v {
			t.Fatalf("column %s is %q, want %q", name, set[name], v)
		}
	}
}

func FuzzParseJSON(f *testing.F) {
	g := tables0().Generator()
	var e Event
	for _, n := range []int64{0, 1, 4, math.MaxInt32} {
		g.Event(n, AllFields, &e)
		f.Add(AppendJSON(nil, &e))
	}
	f.Add([]byte(`{"event_type":2,"person":null,"bid":{"auction":1,"url":"\ud83d\ude00\u00e9"}}`))
	f.Fuzz(func(t *testing.T, line []byte) {
		var first, second Event
		if ParseJSON(line, &first) != nil {
			return
		}
		if !json.Valid(line) {
			t.Fatalf("accepted, but not JSON: %q", line)
		}
		again := AppendJSON(nil, &first)
		if err := ParseJSON(again, &second); err != nil || first != second {
			t.Fatalf("%q became %+v, %v", again, second, err)
		}
	})
}

func TestWritersDoNotAllocate(t *testing.T) {
	events := make([]Event, 100)
	tables0().Generator().GenerateBatch(0, 1, AllFields, events)
	buf := make([]byte, 0, 1<<20)
	if n := testing.AllocsPerRun(10, func() {
		buf = buf[:0]
		for i := range events {
			buf = AppendJSON(buf, &events[i])
			buf = AppendCSV(buf, &events[i])
		}
	}); n != 0 {
		t.Errorf("%v allocations for 100 events, want none", n)
	}
}

func BenchmarkAppendJSON(b *testing.B) { benchmarkAppend(b, AppendJSON) }

func BenchmarkAppendCSV(b *testing.B) { benchmarkAppend(b, AppendCSV) }

func benchmarkAppend(b *testing.B, write func([]byte, *Event) []byte) {
	events := make([]Event, 1000)
	tables0().Generator().GenerateBatch(0, 1, AllFields, events)
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf = buf[:0]
		for i := range events {
			buf = write(buf, &events[i])
		}
	}
	b.SetBytes(int64(len(buf)))
	reportEvents(b, len(events))
}

func BenchmarkParseJSON(b *testing.B) {
	lines := flinkEvents(b)[:1000]
	bytes := 0
	for _, line := range lines {
		bytes += len(line)
	}
	var e Event
	b.SetBytes(int64(bytes))
	b.ReportAllocs()
	for b.Loop() {
		for _, line := range lines {
			if err := ParseJSON(line, &e); err != nil {
				b.Fatal(err)
			}
		}
	}
	reportEvents(b, len(lines))
}

package avro

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/twmb/avro"
	"go.uber.org/goleak"

	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/format/formattest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeRegistry answers as Confluent's schema registry does, as far as it is asked here.
type fakeRegistry struct {
	*httptest.Server
	user string // and password; "" takes everybody
	mu   struct {
		sync.Mutex
		down     int // requests that are answered by 503
		requests int
		schemas  []string         // by id - 1
		subjects map[string][]int // ids by version - 1
		refs     map[int]string   // JSON of references
		closed   map[string]bool  // subjects that take no other schema
	}
}

func newFakeRegistry(t *testing.T, start func(http.Handler) *httptest.Server) *fakeRegistry {
	r := &fakeRegistry{}
	r.mu.subjects, r.mu.refs, r.mu.closed = map[string][]int{}, map[int]string{}, map[string]bool{}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /schemas/ids/{id}", func(w http.ResponseWriter, q *http.Request) {
		id, err := strconv.Atoi(q.PathValue("id"))
		if err != nil || id < 1 || id > len(r.mu.schemas) {
			answer(w, 404, map[string]any{"error_code": 40403, "message": "Schema " + q.PathValue("id") + " not found"})
			return
		}
		body := map[string]any{"schema": r.mu.schemas[id-1]}
		if refs := r.mu.refs[id]; refs != "" {
			body["references"] = json.RawMessage(refs)
		}
		answer(w, 200, body)
	})
	mux.HandleFunc("GET /subjects/{subject}/versions/{version}", func(w http.ResponseWriter, q *http.Request) {
		version, _ := strconv.Atoi(q.PathValue("version"))
		ids := r.mu.subjects[q.PathValue("subject")]
		if version < 1 || version > len(ids) {
			answer(w, 404, map[string]any{"error_code": 40402, "message": "Version not found."})
			return
		}
		id := ids[version-1]
		answer(w, 200, map[string]any{"subject": q.PathValue("subject"), "version": version, "id": id, "schema": r.mu.schemas[id-1]})
	})
	mux.HandleFunc("POST /subjects/{subject}/versions", func(w http.ResponseWriter, q *http.Request) {
		var s struct{ Schema string }
		if err := json.NewDecoder(q.Body).Decode(&s); err != nil {
			answer(w, 422, map[string]any{"error_code": 42201, "message": "Invalid schema"})
			return
		}
		if r.mu.closed[q.PathValue("subject")] {
			answer(w, 409, map[string]any{"error_code": 409, "message": "Schema being registered is incompatible with an earlier schema"})
			return
		}
		answer(w, 200, map[string]any{"id": r.add(q.PathValue("subject"), s.Schema)})
	})
	mux.HandleFunc("POST /subjects/{subject}", func(w http.ResponseWriter, q *http.Request) {
		var s struct{ Schema string }
		_ = json.NewDecoder(q.Body).Decode(&s)
		for i, id := range r.mu.subjects[q.PathValue("subject")] {
			if r.mu.schemas[id-1] == s.Schema {
				answer(w, 200, map[string]any{"subject": q.PathValue("subject"), "version": i + 1, "id": id, "schema": s.Schema})
				return
			}
		}
		answer(w, 404, map[string]any{"error_code": 40403, "message": "Schema not found"})
	})
	r.Server = start(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.mu.requests++
		user, password, _ := q.BasicAuth()
		token := strings.TrimPrefix(q.Header.Get("Authorization"), "Bearer ")
		switch {
		case r.mu.down > 0:
			r.mu.down--
			w.WriteHeader(503)
		case r.user != "" && user+":"+password != r.user && token != r.user:
			answer(w, 401, map[string]any{"error_code": 401, "message": "Unauthorized"})
		default:
			mux.ServeHTTP(w, q)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/vnd.schemaregistry.v1+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}

// add adds a schema to a subject, unless it has it.
func (r *fakeRegistry) add(subject, schema string) (id int) {
	for i, s := range r.mu.schemas {
		if s == schema {
			id = i + 1
		}
	}
	if id == 0 {
		r.mu.schemas = append(r.mu.schemas, schema)
		id = len(r.mu.schemas)
	}
	for _, have := range r.mu.subjects[subject] {
		if have == id {
			return id
		}
	}
	r.mu.subjects[subject] = append(r.mu.subjects[subject], id)
	return id
}

func (r *fakeRegistry) requests() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.mu.requests
}

// table is a table with the registry.
func (r *fakeRegistry) table(t *testing.T, columns, options string) *format.Table {
	t.Helper()
	if !strings.Contains(options, "url=") {
		options += " url=" + strconv.Quote(r.URL)
	}
	if !strings.Contains(options, "max.retries") {
		options += ` properties.max.retries="2"`
	}
	table, err := formattest.Table(Confluent, formattest.Schema(columns), options+` properties.retries.wait.ms="1"`)
	if err != nil {
		t.Fatal(err)
	}
	table.Subject = "t-value"
	return table
}

// write writes the rows that records of JSON are.
func write(t *testing.T, table *format.Table, b int) (records [][]byte, err error) {
	t.Helper()
	batch := formattest.RandomBatch(rand.New(rand.NewPCG(uint64(b), 1)), table.Schema, b)
	newEncoder, err := Confluent.NewEncoder(table)
	if err != nil {
		return nil, err
	}
	e := newEncoder()
	for i := range b {
		record, err := e.Append(nil, batch, i)
		if err != nil {
			return nil, err
		}
		records = append(records, record)
	}
	return records, nil
}

// TestConfluent writes records, and reads them: the registry is asked once by each.
func TestConfluent(t *testing.T) {
	r := newFakeRegistry(t, httptest.NewServer)
	table := r.table(t, "a INT NOT NULL, s STRING", "")
	records, err := write(t, table, 20)
	if err != nil {
		t.Fatal(err)
	}
	if r.requests() != 1 || len(r.mu.subjects["t-value"]) != 1 || string(records[0][:5]) != "\x00\x00\x00\x00\x01" {
		t.Errorf("%d requests, subjects %v, a record %x", r.requests(), r.mu.subjects, records[0])
	}
	newDecoder, err := Confluent.NewDecoder(table)
	if err != nil {
		t.Fatal(err)
	}
	d, b := newDecoder(), formattest.Batch(Confluent, table)
	for _, record := range records {
		if err := d.Decode(record, b); err != nil {
			t.Fatal(err)
		}
	}
	want := formattest.Rows(formattest.RandomBatch(rand.New(rand.NewPCG(20, 1)), table.Schema, 20))
	if got := formattest.Rows(b); strings.Join(got, " ") != strings.Join(want, " ") || r.requests() != 2 {
		t.Errorf("%s, want %s; %d requests", got, want, r.requests())
	}
	if err := d.Decode(nil, b); err != nil || b.N != 20 {
		t.Errorf("a tombstone: %v, %d rows", err, b.N)
	}
	for seed := range uint64(10) {
		formattest.RoundTrip(t, Confluent, rand.New(rand.NewPCG(seed, 3)), simple, fmt.Sprintf("url=%q subject=%q", r.URL, fmt.Sprint(seed)))
	}
}

// TestConfluentEvolution reads records of schemas that were registered by others, one after the other.
func TestConfluentEvolution(t *testing.T) {
	r := newFakeRegistry(t, httptest.NewServer)
	d, err := Confluent.NewDecoder(r.table(t, "id BIGINT, s STRING, r ROW<x INT>", ""))
	if err != nil {
		t.Fatal(err)
	}
	decoder, b := d(), formattest.Batch(Confluent, r.table(t, "id BIGINT, s STRING, r ROW<x INT>", ""))
	r.add("ref", `{"type":"record","name":"n.R","fields":[{"name":"x","type":"int"}]}`)
	for i, c := range []struct {
		schema string
		value  any
		refs   string
		want   string
	}{
		{schema: `{"type":"record","name":"v","fields":[{"name":"id","type":"int"}]}`, value: map[string]any{"id": 1}, want: `[1,null,null]`},
		{schema: `{"type":"record","name":"v","fields":[{"name":"s","type":["string","null"]},{"name":"gone","type":"double"},{"name":"id","type":"long"}]}`, value: map[string]any{"id": 2, "s": "x", "gone": 1.5}, want: `[2,"x",null]`},
		{
			schema: `{"type":"record","name":"v","fields":[{"name":"id","type":"long"},{"name":"r","type":"n.R"}]}`, value: map[string]any{"id": 3, "r": map[string]any{"x": 7}},
			refs: `[{"name":"n.R","subject":"ref","version":1}]`, want: `[3,null,{"row":[7]}]`,
		},
		{schema: `{"type":"record","name":"v","fields":[{"name":"id","type":"int"}]}`, value: map[string]any{"id": 4}, want: `[4,null,null]`},
		{schema: `{"type":"record","name":"v","fields":[{"name":"id","type":"string"}]}`, value: map[string]any{"id": "x"}, want: "do not fit the table: field id is string"},
		{schema: `"int"`, value: 1, want: "and not of a record"},
	} {
		id := r.add("t-value", c.schema)
		r.mu.refs[id] = c.refs
		var cache avro.SchemaCache
		_, _ = cache.Parse(r.mu.schemas[0])
		schema, err := cache.Parse(c.schema)
		if err != nil {
			t.Fatal(err)
		}
		record, err := schema.AppendEncode([]byte{0, 0, 0, 0, byte(id)}, c.value)
		if err != nil {
			t.Fatal(err)
		}
		b.Reset()
		err = decoder.Decode(record, b)
		if bad := (*format.Error)(nil); errors.As(err, &bad) {
			t.Errorf("case %d: the record is taken for a bad one: %v", i, err)
		}
		if got := fmt.Sprint(formattest.Rows(b), err); !strings.Contains(got, c.want) {
			t.Errorf("case %d: %s; want %s", i, got, c.want)
		}
	}
}

// TestConfluentSchema writes with a schema that is given: fields in another order, other unions, more fields.
func TestConfluentSchema(t *testing.T) {
	r := newFakeRegistry(t, httptest.NewServer)
	const schema = `{"type":"record","name":"v","fields":[{"name":"s","type":["string","null"]},{"name":"more","type":["null","int"]},{"name":"t","type":{"type":"long","logicalType":"timestamp-micros"}},{"name":"a","type":"int"}]}`
	table := r.table(t, "a INT NOT NULL, s STRING, t TIMESTAMP(3) NOT NULL", "schema="+strconv.Quote(schema))
	records, err := write(t, table, 5)
	if err != nil {
		t.Fatal(err)
	}
	var rows []string
	parsed := avro.MustParse(schema)
	for _, record := range records {
		var v map[string]any
		if _, err := parsed.Decode(record[5:], &v); err != nil {
			t.Fatalf("the module does not read %x: %v", record, err)
		}
		got, err := formattest.Decode(Confluent, table, string(record))
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, got...)
	}
	if want := formattest.Rows(formattest.RandomBatch(rand.New(rand.NewPCG(5, 1)), table.Schema, 5)); strings.Join(rows, " ") != strings.Join(want, " ") {
		t.Errorf("%s, want %s", rows, want)
	}
	for columns, want := range map[string]string{
		"a INT, s STRING, t TIMESTAMP(3) NOT NULL":              "column a may be NULL",
		"a INT NOT NULL, s INT, t TIMESTAMP(3) NOT NULL":        "column s of type INT is not written as string",
		"a INT NOT NULL, t TIMESTAMP(3) NOT NULL, z INT":        "the schema has no field z",
		"s STRING, t TIMESTAMP(3) NOT NULL":                     "no column for the field a",
		"a INT NOT NULL, s STRING, t TIMESTAMP NOT NULL, x INT": "the schema has no field x",
	} {
		if _, err := write(t, r.table(t, columns, "schema="+strconv.Quote(schema)), 1); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", columns, err, want)
		}
	}
}

// TestRegistryFaults are a registry that is away, refuses, or has other schemas.
func TestRegistryFaults(t *testing.T) {
	r := newFakeRegistry(t, httptest.NewServer)
	read := func(options, record string) error {
		_, err := formattest.Decode(Confluent, r.table(t, "a INT NOT NULL", options), record)
		return err
	}
	wants := func(what string, err error, want string, isBad bool) {
		t.Helper()
		if bad := (*format.Error)(nil); err == nil || !strings.Contains(err.Error(), want) || errors.As(err, &bad) != isBad {
			t.Errorf("%s: %v; want %s", what, err, want)
		}
	}
	const record = "\x00\x00\x00\x00\x01\x0e"
	wants("an id that is unknown", read("", record), "no such schema: id 1", true)
	wants("no id", read("", "\x01\x00\x00\x00\x01\x0e"), "does not begin with a byte 0", true)
	wants("a short record", read("", "\x00\x00"), "does not begin with a byte 0", true)
	r.mu.Lock()
	r.add("t-value", `{"type":"record","name":"v","fields":[{"name":"a","type":"int"}]}`)
	r.mu.down = 2
	r.mu.Unlock()
	if err := read("", record); err != nil {
		t.Errorf("a registry that comes back: %v", err)
	}
	r.mu.Lock()
	r.mu.down = 3
	r.mu.Unlock()
	wants("a registry that is away", read("", record), "asked 3 times (avro-confluent.properties.max.retries)", false)
	wants("nobody there", read(`url="http://127.0.0.1:1"`, record), "http://127.0.0.1:1 does not answer (avro-confluent.url)", false)
	wants("a broken record", read("", record[:5]), "ends too early", true)

	r.mu.closed["t-value"] = true
	_, err := write(t, r.table(t, "b INT", ""), 1)
	wants("an incompatible schema", err, "does not fit those of the subject t-value", false)
	_, err = write(t, r.table(t, "b INT", `properties.auto.register.schemas="false"`), 1)
	wants("a schema that is not there", err, "auto.register.schemas is false", false)

	r.mu.Lock()
	r.user = "ann:secret"
	r.mu.Unlock()
	wants("no password", read("", record), "look at avro-confluent.basic-auth.user-info", false)
	wants("a wrong password", read(`basic-auth.credentials-source="USER_INFO" basic-auth.user-info="ann:x"`, record), "refuses the client", false)
	for _, options := range []string{
		`basic-auth.credentials-source="USER_INFO" basic-auth.user-info="ann:secret"`,
		`bearer-auth.credentials-source="STATIC_TOKEN" bearer-auth.token="ann:secret"`,
		"url=" + strconv.Quote(strings.Replace(r.URL, "//", "//ann:secret@", 1)),
	} {
		if err := read(options, record); err != nil {
			t.Errorf("%s: %v", options, err)
		}
	}
	err = read("url="+strconv.Quote(strings.Replace(r.URL, "//", "//ann:hidden@", 1)), record)
	if wants("a wrong password in the URL", err, "refuses the client", false); strings.Contains(fmt.Sprint(err), "hidden") {
		t.Errorf("the error has the password: %v", err)
	}
}

// TestRegistryWaits ends when its job does.
func TestRegistryWaits(t *testing.T) {
	table, err := formattest.Table(Confluent, formattest.Schema("a INT"), `url="http://127.0.0.1:1" properties.max.retries="1000" properties.retries.wait.ms="100000" properties.retries.max.wait.ms="100000"`)
	if err != nil {
		t.Fatal(err)
	}
	newDecoder, err := Confluent.NewDecoder(table)
	if err != nil {
		t.Fatal(err)
	}
	d := newDecoder()
	ctx, cancel := context.WithCancelCause(t.Context())
	format.Within(ctx, d)
	done := make(chan error)
	go func() { done <- d.Decode([]byte("\x00\x00\x00\x00\x01\x0e"), formattest.Batch(Confluent, table)) }()
	cancel(errors.New("the job is cancelled"))
	if err := <-done; err == nil || !strings.Contains(err.Error(), "the job is cancelled") {
		t.Errorf("%v", err)
	}
}

func TestRegistryTLS(t *testing.T) {
	r := newFakeRegistry(t, httptest.NewTLSServer)
	r.Config.ErrorLog = nil
	trust := filepath.Join(t.TempDir(), "trust.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: r.Certificate().Raw})
	if err := os.WriteFile(trust, block, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := write(t, r.table(t, "a INT", "ssl.truststore.location="+strconv.Quote(trust)), 1); err != nil {
		t.Error(err)
	}
	if _, err := write(t, r.table(t, "a INT", `properties.max.retries="0"`), 1); err == nil || !strings.Contains(err.Error(), "certificate") {
		t.Errorf("a certificate of nobody: %v", err)
	}
}

func TestRegistryOptions(t *testing.T) {
	for options, want := range map[string]string{
		`url="x"`: "avro-confluent.url", `url="ftp://x"`: "avro-confluent.url", ``: "'avro-confluent.url' is missing",
		`url="http://x" basic-auth.user-info="a:b"`: "credentials-source = USER_INFO", `url="http://x" bearer-auth.token="a"`: "STATIC_TOKEN",
		`url="http://x" ssl.truststore.location="/nowhere"`: "avro-confluent.ssl.truststore.location: open /nowhere",
		`url="http://x" schema="{"`:                         "avro-confluent.schema", `url="http://x" properties.max.retrys="1"`: "did you mean 'avro-confluent.properties.max.retries'?",
	} {
		table, err := formattest.Table(Confluent, formattest.Schema("a INT"), options)
		if err == nil {
			_, err = Confluent.NewDecoder(table)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", options, err, want)
		}
	}
	table, err := formattest.Table(Confluent, formattest.Schema("a INT"), `url="http://x"`)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Confluent.NewEncoder(table); err == nil || !strings.Contains(err.Error(), "avro-confluent.subject") {
		t.Errorf("without a subject: %v", err)
	}
}

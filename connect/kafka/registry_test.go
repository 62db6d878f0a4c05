package kafka

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/format/avro"
	"github.com/flott-dev/flott/format/parquet"
	"github.com/flott-dev/flott/format/protobuf"
)

// binaryFormats are those whose records are bytes.
var binaryFormats = []format.Factory{avro.Factory, avro.Confluent, protobuf.Factory, parquet.Factory}

// SchemaRegistry keeps schemas and notes the subjects, as Confluent's does. It answers nothing when it is down.
func SchemaRegistry(t *testing.T, down func() bool) (url string, subjects func() []string) {
	var mu sync.Mutex
	var schemas, names []string
	mux := http.NewServeMux()
	mux.HandleFunc("POST /subjects/{subject}/versions", func(w http.ResponseWriter, r *http.Request) {
		var s struct{ Schema string }
		if err := json.NewDecoder(r.Body).Decode(&s); err != nil {
			t.Error(err)
		}
		mu.Lock()
		defer mu.Unlock()
		schemas, names = append(schemas, s.Schema), append(names, r.PathValue("subject"))
		fmt.Fprintf(w, `{"id":%d}`, len(schemas))
	})
	mux.HandleFunc("GET /schemas/ids/{id}", func(w http.ResponseWriter, r *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		var id int
		_, _ = fmt.Sscan(r.PathValue("id"), &id)
		_ = json.NewEncoder(w).Encode(map[string]string{"schema": schemas[id-1]})
	})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(s.Close)
	return s.URL, func() []string {
		mu.Lock()
		defer mu.Unlock()
		return names
	}
}

// TestTableOfRegistry writes and reads a table whose keys and values have schemas in a registry, which then is
// away: that is no bad record.
func TestTableOfRegistry(t *testing.T) {
	c := fakeCluster(t, 1, "a")
	down := false
	url, subjects := SchemaRegistry(t, func() bool { return down })
	pairs := []string{
		"key.format", "avro-confluent", "value.format", "avro-confluent", "key.fields", "n",
		"key.avro-confluent.url", url, "value.avro-confluent.url", url, "value.avro-confluent.properties.max.retries", "0",
		"key.avro-confluent.properties.max.retries", "0",
	}
	s, err := c.tableSink("n INT, s STRING", connect.Insert{}, pairs...)
	if err != nil {
		t.Fatal(err)
	}
	writeRows(t, s, 0, numbers(1, 2))
	if got := strings.Join(subjects(), " "); got != "a-value a-key" && got != "a-key a-value" {
		t.Errorf("subjects are %s", got)
	}
	for _, scan := range []connect.Scan{{}, {Project: []int{1}}} {
		got, err := c.rows("n INT, s STRING", scan, pairs...)
		want := `[1,"s1"] [2,"s2"]`
		if scan.Project != nil {
			want = `["s1"] ["s2"]`
		}
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("rows are %s, %v; want %s", got, err, want)
		}
	}
	down = true
	if _, err := c.rows("n INT, s STRING", connect.Scan{}, pairs...); err == nil || !strings.Contains(err.Error(), "does not answer (avro-confluent.url)") ||
		!strings.Contains(err.Error(), "topic a, partition 0, offset 0") || strings.Contains(err.Error(), "in the record") {
		t.Errorf("a registry that is away: %v", err)
	}
}

// TestTableOfAvro writes and reads records of Avro; one of them is broken.
func TestTableOfAvro(t *testing.T) {
	c := fakeCluster(t, 1, "a")
	s, err := c.tableSink("n INT, s STRING", connect.Insert{}, "format", "avro")
	if err != nil {
		t.Fatal(err)
	}
	writeRows(t, s, 0, numbers(1, 2))
	if got, err := c.rows("n INT, s STRING", connect.Scan{Project: []int{1}}, "format", "avro"); err != nil || strings.Join(got, " ") != `["s1"] ["s2"]` {
		t.Errorf("rows are %s, %v", got, err)
	}
	c.put("a", 0, "\x02")
	if _, err := c.rows("n INT, s STRING", connect.Scan{}, "format", "avro"); err == nil || !strings.Contains(err.Error(), "offset 2: column 2: field n: the record ends too early") {
		t.Errorf("a broken record: %v", err)
	}
}

// TestTableOfProtobuf writes and reads messages; one of them is broken.
func TestTableOfProtobuf(t *testing.T) {
	c := fakeCluster(t, 1, "a")
	file := filepath.Join(t.TempDir(), "row.proto")
	if err := os.WriteFile(file, []byte(`syntax = "proto3"; package p; message Row { string s = 2; optional int32 n = 1; }`), 0o666); err != nil {
		t.Fatal(err)
	}
	pairs := []string{"format", "protobuf", "protobuf.descriptor-file", file, "protobuf.message-name", "p.Row"}
	s, err := c.tableSink("n INT, s STRING", connect.Insert{}, pairs...)
	if err != nil {
		t.Fatal(err)
	}
	writeRows(t, s, 0, numbers(1, 2))
	c.put("a", 0, "\x08")
	if _, err := c.rows("n INT, s STRING", connect.Scan{}, pairs...); err == nil || !strings.Contains(err.Error(), "offset 2: ") || !strings.Contains(err.Error(), "another message") {
		t.Errorf("a broken record: %v", err)
	}
	got, err := c.rows("n INT, s STRING", connect.Scan{Project: []int{1, 0}}, append(pairs, "protobuf.ignore-parse-errors", "true")...)
	if err != nil || strings.Join(got, " ") != `["s1",1] ["s2",2]` {
		t.Errorf("rows are %s, %v", got, err)
	}
}

// TestTableOfFiles refuses formats that have files, and no records.
func TestTableOfFiles(t *testing.T) {
	c := fakeCluster(t, 1, "a")
	_, err := c.table("n INT", connect.Scan{}, "format", "parquet")
	_, err2 := c.tableSink("n INT", connect.Insert{}, "format", "parquet")
	for _, err := range []error{err, err2} {
		if err == nil || !strings.Contains(err.Error(), "the format 'parquet' is one of files") {
			t.Errorf("%v", err)
		}
	}
}

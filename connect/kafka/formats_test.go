package kafka_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/flott-dev/flott/connect/all"
	"github.com/flott-dev/flott/connect/kafka"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/sql"
)

// TestSQLOfFormats has SQL write and read tables in formats of bytes, and change what others have written.
func TestSQLOfFormats(t *testing.T) {
	brokers, client := broker(t, 1, "registered", "messages", "changes")
	url, _ := kafka.SchemaRegistry(t, func() bool { return false })
	file := filepath.Join(t.TempDir(), "row.proto")
	if err := os.WriteFile(file, []byte(`syntax = "proto3"; package p; message Row { int64 id = 1; Name name = 2; message Name { string first = 1; string last = 2; } }`), 0o666); err != nil {
		t.Fatal(err)
	}
	s := sql.NewSession(sql.With(all.Factories(), all.Formats()), sql.On(launch.Executor()), sql.Set("execution.runtime-mode", "batch"))
	const columns = "id BIGINT, name ROW<first STRING, `last` STRING>"
	create := func(topic, columns, options string) {
		runSQL(t, s, "CREATE TABLE "+topic+" ("+columns+") WITH ('connector' = 'kafka', 'topic' = '"+topic+"', 'properties.bootstrap.servers' = '"+
			strings.Join(brokers, ",")+"', 'scan.startup.mode' = 'earliest-offset', 'scan.bounded.mode' = 'latest-offset', "+options+")")
	}
	create("registered", columns, "'format' = 'avro-confluent', 'avro-confluent.url' = '"+url+"'")
	create("messages", columns, "'format' = 'protobuf', 'protobuf.descriptor-file' = '"+file+"', 'protobuf.message-name' = 'p.Row'")
	runSQL(t, s, "INSERT INTO registered VALUES (1, ROW('Ann', 'Lee')), (2, ROW('Bob', 'Fox'))")
	runSQL(t, s, "INSERT INTO messages SELECT * FROM registered")
	got := runSQL(t, s, "SELECT m.id, m.name.`last` AS n FROM messages AS m")
	if want := []string{`{"id":1,"n":"Lee"}`, `{"id":2,"n":"Fox"}`}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	for _, change := range []string{
		`{"after":{"id":1},"op":"c","source":{"table":"a"},"ts_ms":5}`, `{"before":{"id":1},"op":"d","source":{"table":"a"}}`,
		`{"after":{"id":2},"op":"r","source":{"table":"b"},"ts_ms":5}`,
	} {
		if err := client.ProduceSync(t.Context(), &kgo.Record{Topic: "changes", Value: []byte(change)}).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	s = sql.NewSession(sql.With(all.Factories(), all.Formats()), sql.On(launch.Executor()))
	create("changes", "id BIGINT, tab STRING METADATA FROM 'value.source.table' VIRTUAL", "'format' = 'debezium-json'")
	got = runSQL(t, s, "SELECT COUNT(*) AS n, MAX(tab) AS tab FROM changes")
	if want := `{"n":1,"tab":"b"}`; !slices.Contains(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
}

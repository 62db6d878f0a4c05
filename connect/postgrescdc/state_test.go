package postgrescdc

import (
	"bytes"
	"strconv"
	"strings"
	"testing"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/postgres"
)

// FuzzDecodeSplit decodes what checkpoints have of the log and its tables: what can be read is written the same, and can be gone on from.
func FuzzDecodeSplit(f *testing.F) {
	for _, s := range []*state{
		{},
		{LSN: 1 << 40, Skip: 3, Tables: map[string]tableState{"public.a": {Done: true}, "public.b": {After: []string{"1", "x"}}}},
		{
			Tables:   map[string]tableState{"public.a": {After: []string{"9"}}},
			Chunk:    &chunk{Table: "public.a", Low: []string{"5"}, Snapshot: "10:20:12,15", Until: 1 << 33},
			Streamed: []uint32{7, 8},
		},
	} {
		split, err := s.encode()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(splitID, split.Data)
	}
	f.Fuzz(func(t *testing.T, id string, data []byte) {
		s, err := decodeSplit(connect.Split{ID: id, Data: data})
		if err != nil {
			if !strings.Contains(err.Error(), strconv.Quote(id)) {
				t.Errorf("the error does not name the split %q: %v", id, err)
			}
			return
		}
		one, err := s.encode()
		if err != nil {
			t.Fatal(err)
		}
		again, err := decodeSplit(one)
		if err != nil {
			t.Fatalf("%s: %v", one.Data, err)
		}
		if two, err := again.encode(); err != nil || !bytes.Equal(two.Data, one.Data) {
			t.Errorf("%s, then %s, %v", one.Data, two.Data, err)
		}
		if next := s.clone().next(); next != "" && s.Tables[next].Done {
			t.Errorf("%s is read, and is the next one", next)
		}
		if s.Chunk != nil {
			seen, err := parseSnapshot(s.Chunk.Snapshot)
			if err != nil {
				t.Fatal(err)
			}
			for _, xid := range s.Streamed {
				seen.sees(xid)
			}
		}
	})
}

// TestPrimaryKeyChanges: a table that has another primary key than a job knows which has read a part of it fails that job.
func TestPrimaryKeyChanges(t *testing.T) {
	info := &tableInfo{relation: &relation{schema: "s", name: "t"}, key: []*postgres.Column{{Name: "a"}, {Name: "b"}}}
	r := &runner{}
	_, chunkErr := r.readRows(t.Context(), info, "s.t", []string{"1"})
	_, changeErr := r.isBehind(t.Context(), info, []string{"1", "2"}, []string{"1"})
	info.key = []*postgres.Column{{Name: "a", OID: 23}}
	_, integerErr := r.isBehind(t.Context(), info, []string{"1"}, []string{"1", "2"})
	for what, err := range map[string]error{"a chunk": chunkErr, "a change": changeErr, "a change of an integer": integerErr} {
		if err == nil || err.Error() != "the primary key of the table s.t has changed while it was read" {
			t.Errorf("%s: %v", what, err)
		}
	}
}

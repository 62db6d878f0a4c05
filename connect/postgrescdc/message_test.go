package postgrescdc

import (
	"encoding/hex"
	"slices"
	"testing"

	"github.com/flott-dev/flott/connect"
)

// FuzzMessages: no bytes make a parser panic, and what they take for tuples can be taken apart.
func FuzzMessages(f *testing.F) {
	// An insert of (1, NULL) and a relation of two columns, as the server has sent them.
	for _, text := range []string{
		"49000040014e0002740000000131" + "6e",
		"52000040017075626c69630074006400020" + "16b0000000017ffffffff00760000000017ffffffff",
		"55000040014b0002740000000131" + "6e4e00027400000001327400000003616263",
		"44000040014f00026e6e", "5400000001000000400140", "42000000000153f4c80002a0d5b1b5a0d4000002e5",
		"4300000000000153f4c8000000000153f4f80002a0d5b1b5a0d4",
	} {
		b, err := hex.DecodeString(text)
		if err != nil {
			continue
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) == 0 {
			return
		}
		_, _ = parseBegin(b[1:])
		_, _ = parseCommit(b[1:])
		_, _ = parseRelation(b[1:])
		_, _ = parseCopyData(b)
		for _, kind := range []byte{kindInsert, kindUpdate, kindDelete} {
			if m, err := parseChange(kind, b[1:]); err == nil {
				for _, v := range values(values(nil, m.old), m.new) {
					if (v.text != nil) != (v.kind == valueText) {
						t.Errorf("%+v", v)
					}
				}
			}
		}
	})
}

func TestTuples(t *testing.T) {
	texts := [][]byte{[]byte("a"), nil, {}, []byte("bc")}
	all := values(nil, appendTuple(nil, texts))
	for i, v := range all {
		if (v.kind == valueNull) != (texts[i] == nil) || string(v.text) != string(texts[i]) {
			t.Errorf("value %d is %+v", i, v)
		}
	}
	if len(all) != len(texts) {
		t.Errorf("there are %d values", len(all))
	}
}

// TestSnapshots: numbers of transactions of 32 bits are near those of the snapshot, also when those go over.
func TestSnapshots(t *testing.T) {
	for _, test := range []struct {
		text      string
		sees, not []uint32
	}{
		{"10:20:12,15", []uint32{3, 9, 10, 11, 13, 19}, []uint32{12, 15, 20, 21, 1 << 20}},
		{"4294967300:4294967310:4294967305", []uint32{4294967290, 3, 4, 8, 13}, []uint32{9, 14, 100}},
		{"5:5:", []uint32{4}, []uint32{5, 6}},
	} {
		s, err := parseSnapshot(test.text)
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range test.sees {
			if !s.sees(x) {
				t.Errorf("%s does not see %d", test.text, x)
			}
		}
		for _, x := range test.not {
			if s.sees(x) {
				t.Errorf("%s sees %d", test.text, x)
			}
		}
	}
	for _, text := range []string{"", "1:2", "a:2:", "1:b:", "1:2:c"} {
		if _, err := parseSnapshot(text); err == nil {
			t.Errorf("%q is a snapshot", text)
		}
	}
}

func TestState(t *testing.T) {
	s := &state{LSN: 7<<32 | 9, Skip: 2, Tables: map[string]tableState{"a.b": {After: []string{"x", "y"}}, "a.a": {Done: true}}, Streamed: []uint32{5}}
	split, err := s.encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := decodeSplit(split)
	if err != nil || got.LSN != s.LSN || got.Skip != 2 || got.next() != "a.b" || !slices.Equal(got.Tables["a.b"].After, []string{"x", "y"}) || !slices.Equal(got.Streamed, s.Streamed) {
		t.Errorf("%+v, %v", got, err)
	}
	if lsn, err := parseLSN(lsnText(s.LSN)); err != nil || lsn != s.LSN || lsnText(lsn) != "7/9" {
		t.Errorf("%s, %v", lsnText(lsn), err)
	}
	for _, data := range [][]byte{nil, {0xff}, {splitVersion}, []byte("\x01[]")} {
		if _, err := decodeSplit(connect.Split{ID: splitID, Data: data}); err == nil {
			t.Errorf("%q is a split", data)
		}
	}
}

package postgrescdc

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/flott-dev/flott/connect"
)

// state is how far reading has come. It is in checkpoints.
//
// Tables are read in chunks, in the order of their primary keys, while changes of the log go on: see doc.go.
type state struct {
	// LSN is the position in the log behind the last transaction of which all was read; 0 is where the slot is. Skip is how many changes of the
	// next transaction were read, too.
	LSN  uint64
	Skip int
	// Tables are those that are known, by schema.name.
	Tables map[string]tableState
	// Chunk is the one that was read last, until the log has come behind it.
	Chunk *chunk `json:",omitempty"`
	// Streamed are transactions that were read from the log and that the last snapshot did not have, while there are tables to be read.
	Streamed []uint32 `json:",omitempty"`
}

// tableState is how much of a table was read in chunks.
type tableState struct {
	Done bool `json:",omitempty"`
	// After is the key of the last row that was read, nil before the first one.
	After []string `json:",omitempty"`
}

// chunk is the rows of a table behind a key, as a snapshot of the database has them.
type chunk struct {
	Table    string
	Low      []string `json:",omitempty"` // nil is the first one
	Snapshot string   // xmin:xmax:xip,xip
	Until    uint64   // all transactions that the snapshot has were committed before
}

// clone is a copy that stays as it is. Streamed is only appended to, or made anew.
func (s *state) clone() *state {
	c := *s
	c.Tables = maps.Clone(s.Tables)
	return &c
}

// next is the first table of which there is more to read, "" if there is none.
func (s *state) next() string {
	for _, name := range slices.Sorted(maps.Keys(s.Tables)) {
		if !s.Tables[name].Done {
			return name
		}
	}
	return ""
}

// splitID is the only split's: there is one log.
const splitID = "log"

// splitVersion is the first byte of a split's data.
const splitVersion = 1

func (s *state) encode() (connect.Split, error) {
	b, err := json.Marshal(s)
	return connect.Split{ID: splitID, Data: append([]byte{splitVersion}, b...)}, err
}

func decodeSplit(sp connect.Split) (*state, error) {
	s := &state{}
	if len(sp.Data) == 0 || sp.Data[0] != splitVersion || json.Unmarshal(sp.Data[1:], s) != nil || !s.isSound() {
		return nil, fmt.Errorf("postgrescdc: split %q is broken: % x", sp.ID, sp.Data)
	}
	if s.Tables == nil {
		s.Tables = map[string]tableState{}
	}
	return s, nil
}

// isSound reports whether a state may have been encoded by us.
func (s *state) isSound() bool {
	isKey := func(key []string) bool { return key == nil || len(key) > 0 }
	for name, table := range s.Tables {
		if !strings.Contains(name, ".") || !isKey(table.After) {
			return false
		}
	}
	if c := s.Chunk; c != nil {
		if _, err := parseSnapshot(c.Snapshot); err != nil || !isKey(c.Low) {
			return false
		}
	}
	return s.Skip >= 0
}

// snapshot says which transactions are visible: all before xmin, and those before xmax that did not run.
type snapshot struct {
	xmin, xmax uint64
	running    []uint64
}

func parseSnapshot(text string) (s snapshot, err error) {
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return s, fmt.Errorf("%q is no snapshot", text)
	}
	if s.xmin, err = strconv.ParseUint(parts[0], 10, 64); err != nil {
		return s, err
	}
	if s.xmax, err = strconv.ParseUint(parts[1], 10, 64); err != nil {
		return s, err
	}
	for item := range strings.SplitSeq(parts[2], ",") {
		if item == "" {
			continue
		}
		x, err := strconv.ParseUint(item, 10, 64)
		if err != nil {
			return s, err
		}
		s.running = append(s.running, x)
	}
	return s, nil
}

// sees reports whether a transaction is visible. The log has the lower 32 bits of its number, which is near those of the snapshot.
func (s *snapshot) sees(xid uint32) bool {
	x := s.full(xid)
	return x < s.xmin || x < s.xmax && !slices.Contains(s.running, x)
}

func (s *snapshot) full(xid uint32) uint64 {
	return s.xmax + uint64(int64(int32(xid-uint32(s.xmax))))
}

// lsnText is a position as the database writes it.
func lsnText(lsn uint64) string { return fmt.Sprintf("%X/%X", lsn>>32, uint32(lsn)) }

func parseLSN(text string) (uint64, error) {
	high, low, ok := strings.Cut(text, "/")
	h, err1 := strconv.ParseUint(high, 16, 32)
	l, err2 := strconv.ParseUint(low, 16, 32)
	if !ok || err1 != nil || err2 != nil {
		return 0, fmt.Errorf("%q is no position of the log", text)
	}
	return h<<32 | l, nil
}

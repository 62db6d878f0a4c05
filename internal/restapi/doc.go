// Package restapi is the JSON that a JobManager and its clients exchange: Flink's, as far as there is what
// it describes, and what Flott adds below /flott.
//
// Data flow: internal/rest writes it, package client reads it. It imports nothing, so that programs that
// only submit jobs have nothing of the engine in them.
//
// # Non-obvious
//
//   - Names, types and units are Flink's: times in milliseconds since 1970, -1 where there is none yet,
//     durations in milliseconds. Fields for which Flott has nothing true to say are left out.
//   - A field is never taken away or given another meaning within a protocol version: see Protocol.
package restapi

import (
	"encoding/json"
	"math"
	"strconv"
)

// Protocol is the version of what is exchanged below /flott. A side works with the versions before and
// after its own.
var Protocol = number(protocol)

// protocol can be set by the linker: tests run programs of other versions.
var protocol = "1"

func number(s string) int {
	n, err := strconv.Atoi(s)
	if err != nil {
		panic("restapi: the version that the linker has set is no number: " + err.Error())
	}
	return n
}

// The headers by which both sides say who they are.
const (
	ProtocolHeader = "Flott-Protocol"
	VersionHeader  = "Flott-Version"
)

// CSRFHeader is a header of a session's requests that change something: see Session.
const CSRFHeader = "Flott-CSRF"

// Number is a float that may be NaN, which JSON has no number for.
type Number float64

// MarshalJSON writes NaN as Flink does.
func (n Number) MarshalJSON() ([]byte, error) {
	if math.IsNaN(float64(n)) {
		return []byte(`"NaN"`), nil
	}
	return json.Marshal(float64(n))
}

// UnmarshalJSON reads what MarshalJSON writes.
func (n *Number) UnmarshalJSON(b []byte) error {
	if string(b) == `"NaN"` {
		*n = Number(math.NaN())
		return nil
	}
	return json.Unmarshal(b, (*float64)(n))
}

// Errors is the body of a response that refuses or failed.
type Errors struct {
	Errors []string `json:"errors"`
}

// Empty is a body without fields.
type Empty struct{}

package openapi

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

type number float64

type inner struct {
	N    int `json:"n"`
	Over string
}

type Outer struct {
	inner
	*Rest
	Over  bool             // hides that of inner
	Again *Outer           `json:"again"`
	Maybe *int32           `json:"maybe,omitempty"`
	List  []map[string]any `json:"list"`
	Bytes []byte           `json:"bytes,omitzero"`
	At    time.Time        `json:"at"`
	Known number
	Local struct{ X float64 }
	Not   func() `json:"-"`
	_     int
}

type Rest struct{ R [2]uint8 }

// TestSchemas: schemas are those of the JSON that encoding/json makes, with all fields for answers, and with any for requests.
func TestSchemas(t *testing.T) {
	of := func(f func(*Schemas, reflect.Type) *Schema) string {
		s := &Schemas{
			Home:  reflect.TypeFor[Outer]().PkgPath(),
			Known: map[reflect.Type]*Schema{reflect.TypeFor[number](): {Description: "known"}},
		}
		text, err := json.Marshal([]any{f(s, reflect.TypeFor[[]*Outer]()), s.All()["Outer"]})
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	const ref = `[{"type":"array","items":{"$ref":"#/components/schemas/Outer"}},`
	const fields = `"Known":{"description":"known"},` +
		`"Local":{"type":"object","properties":{"X":{"type":"number","format":"double"}}REQUIRED},` +
		`"Over":{"type":"boolean"},"R":{"type":"array","items":{"type":"integer","format":"int32"}},` +
		`"again":{"anyOf":[{"$ref":"#/components/schemas/Outer"},{"type":"null"}]},"at":{},` +
		`"bytes":{"type":"string","contentEncoding":"base64"},"list":{"type":"array","items":{"type":"object","additionalProperties":{}}},` +
		`"maybe":{"type":"integer","format":"int32"},"n":{"type":"integer"}}`
	whole := ref + `{"type":"object","properties":{` + strings.Replace(fields, "REQUIRED", `,"required":["X"]`, 1) +
		`,"required":["Known","Local","Over","again","at","list","n"]}]`
	if got := of((*Schemas).Answer); got != whole {
		t.Errorf("the schema of an answer is\n%s\nwant\n%s", got, whole)
	}
	asked := ref + `{"type":"object","properties":{` + strings.Replace(fields, "REQUIRED", "", 1) + `}]`
	if got := of((*Schemas).Request); got != asked {
		t.Errorf("the schema of a request is\n%s\nwant\n%s", got, asked)
	}
}

// TestNames: a type of another package has its package in its name, and two types of one name are refused.
func TestNames(t *testing.T) {
	s := &Schemas{Home: "elsewhere"}
	if got := s.Answer(reflect.TypeFor[Rest]()).Ref; got != "#/components/schemas/openapi.Rest" {
		t.Errorf("the name is %s", got)
	}
	defer func() {
		if recover() == nil {
			t.Error("two types of one name are not refused")
		}
	}()
	type Rest struct{}
	s.Answer(reflect.TypeFor[Rest]())
}

package trace

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strconv"
)

// The messages of OTLP that are sent, in its mapping to JSON: ids are in hexadecimal digits, numbers of 64 bits are strings.
type (
	otlpRequest struct {
		ResourceSpans []otlpResourceSpans `json:"resourceSpans"`
	}
	otlpResourceSpans struct {
		Resource   otlpResource     `json:"resource"`
		ScopeSpans []otlpScopeSpans `json:"scopeSpans"`
	}
	otlpResource struct {
		Attributes []otlpAttribute `json:"attributes"`
	}
	otlpScopeSpans struct {
		Scope otlpScope  `json:"scope"`
		Spans []otlpSpan `json:"spans"`
	}
	otlpScope struct {
		Name    string `json:"name"`
		Version string `json:"version,omitempty"`
	}
	otlpSpan struct {
		TraceID    string          `json:"traceId"`
		SpanID     string          `json:"spanId"`
		ParentID   string          `json:"parentSpanId,omitempty"`
		Name       string          `json:"name"`
		Kind       int             `json:"kind"`
		Start      string          `json:"startTimeUnixNano"`
		End        string          `json:"endTimeUnixNano"`
		Attributes []otlpAttribute `json:"attributes,omitempty"`
		Status     *otlpStatus     `json:"status,omitempty"`
	}
	otlpStatus struct {
		Message string `json:"message,omitempty"`
		Code    int    `json:"code"`
	}
	otlpAttribute struct {
		Key   string    `json:"key"`
		Value otlpValue `json:"value"`
	}
	otlpValue struct {
		String *string `json:"stringValue,omitempty"`
		Int    *string `json:"intValue,omitempty"`
		Bool   *bool   `json:"boolValue,omitempty"`
	}
)

const (
	kindInternal = 1
	statusError  = 2
)

func otlpAttributes(all []Attribute) (out []otlpAttribute) {
	for _, a := range all {
		o := otlpAttribute{Key: a.Key}
		switch v := a.Value.(type) {
		case int64:
			text := strconv.FormatInt(v, 10)
			o.Value.Int = &text
		case bool:
			o.Value.Bool = &v
		default:
			text := fmt.Sprint(v)
			o.Value.String = &text
		}
		out = append(out, o)
	}
	return out
}

func randomID(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b) // never fails
	return hex.EncodeToString(b)
}

// appendSpan appends a span and its children.
func appendSpan(all []otlpSpan, s *Span, trace, parent string) []otlpSpan {
	o := otlpSpan{
		TraceID: trace, SpanID: randomID(8), ParentID: parent, Name: s.Name, Kind: kindInternal,
		Start: strconv.FormatInt(s.Start, 10), End: strconv.FormatInt(s.End, 10), Attributes: otlpAttributes(s.Attributes),
	}
	if s.Error != "" {
		o.Status = &otlpStatus{s.Error, statusError}
	}
	all = append(all, o)
	for i := range s.Children {
		all = appendSpan(all, &s.Children[i], trace, o.SpanID)
	}
	return all
}

// request is spans as they are sent, each with its children a trace of its own.
func (o *Options) request(spans []Span) *otlpRequest {
	var all []otlpSpan
	for i := range spans {
		all = appendSpan(all, &spans[i], randomID(16), "")
	}
	resource := []Attribute{{"service.name", o.Service}, {"service.version", o.Version}, {"host.name", o.Host}}
	return &otlpRequest{[]otlpResourceSpans{{
		Resource:   otlpResource{otlpAttributes(resource)},
		ScopeSpans: []otlpScopeSpans{{Scope: otlpScope{Name: "flott", Version: o.Version}, Spans: all}},
	}}}
}

package nats

import (
	"maps"
	"slices"
	"strings"

	columns "github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
)

// metadata are the metadata columns that can be read.
var metadata = []row.Field{
	{Name: "stream", Type: row.StringType().Nullable(false)},
	{Name: "subject", Type: row.StringType().Nullable(false)},
	{Name: "sequence", Type: row.Of(row.BigInt).Nullable(false)},
	{Name: "timestamp", Type: row.TimestampLTZOf(3).Nullable(false)},
	{Name: "headers", Type: row.MapOf(row.StringType().Nullable(false), row.StringType().Nullable(false)).Nullable(false)},
}

// appendMetadata appends what the columns of metadata have.
var appendMetadata = []func(v *columns.Vector, m *Message){
	func(v *columns.Vector, m *Message) { v.AppendString(m.Stream) },
	func(v *columns.Vector, m *Message) { v.AppendString(m.Subject) },
	func(v *columns.Vector, m *Message) { v.AppendI64(int64(m.Sequence)) },
	func(v *columns.Vector, m *Message) { v.AppendTimestamp(m.Timestamp.UnixMilli()*1000, 0) },
	appendHeaders,
}

// metadataColumn is one that is read.
type metadataColumn struct {
	append func(v *columns.Vector, m *Message)
	out    int // place in the batch
}

// appendHeaders appends the headers in the order of their names, of several values of one the last.
func appendHeaders(v *columns.Vector, m *Message) {
	for _, key := range slices.Sorted(maps.Keys(m.Header)) {
		if values := m.Header[key]; len(values) > 0 {
			v.Children[0].AppendString(key)
			v.Children[1].AppendString(values[len(values)-1])
		}
	}
	v.EndList()
}

func metadataNames() string {
	var names []string
	for _, f := range metadata {
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
}

package kafka

import (
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	columns "github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
)

// metadata are the metadata columns that can be read.
var metadata = []row.Field{
	{Name: "topic", Type: row.StringType().Nullable(false)},
	{Name: "partition", Type: row.Of(row.Int).Nullable(false)},
	{Name: "headers", Type: row.MapOf(row.StringType().Nullable(false), row.BytesType().Nullable(false)).Nullable(false)},
	{Name: "leader-epoch", Type: row.Of(row.Int)},
	{Name: "offset", Type: row.Of(row.BigInt).Nullable(false)},
	{Name: "timestamp", Type: row.TimestampLTZOf(3).Nullable(false)},
	{Name: "timestamp-type", Type: row.StringType().Nullable(false)},
}

// appendMetadata appends what the columns of metadata have.
var appendMetadata = []func(v *columns.Vector, k *kgo.Record){
	func(v *columns.Vector, k *kgo.Record) { v.AppendString(k.Topic) },
	func(v *columns.Vector, k *kgo.Record) { v.AppendI32(k.Partition) },
	appendHeaders,
	func(v *columns.Vector, k *kgo.Record) {
		if k.LeaderEpoch < 0 {
			v.AppendNull()
			return
		}
		v.AppendI32(k.LeaderEpoch)
	},
	func(v *columns.Vector, k *kgo.Record) { v.AppendI64(k.Offset) },
	func(v *columns.Vector, k *kgo.Record) { v.AppendTimestamp(k.Timestamp.UnixMilli()*1000, 0) },
	func(v *columns.Vector, k *kgo.Record) { v.AppendString(timestampType(k)) },
}

// metadataColumn is one that is read.
type metadataColumn struct {
	append func(v *columns.Vector, k *kgo.Record)
	out    int // place in the batch
}

// appendHeaders appends the headers, of those with one key the last one.
func appendHeaders(v *columns.Vector, k *kgo.Record) {
	for i, h := range k.Headers {
		if lastOf(k.Headers, h.Key) == i {
			v.Children[0].AppendString(h.Key)
			v.Children[1].AppendBytes(h.Value)
		}
	}
	v.EndList()
}

func lastOf(headers []kgo.RecordHeader, key string) int {
	for i := len(headers) - 1; ; i-- {
		if headers[i].Key == key {
			return i
		}
	}
}

func timestampType(k *kgo.Record) string {
	switch k.Attrs.TimestampType() {
	case 0:
		return "CreateTime"
	case 1:
		return "LogAppendTime"
	}
	return "NoTimestampType"
}

func names(fields []row.Field) string {
	var names []string
	for _, f := range fields {
		names = append(names, f.Name)
	}
	return strings.Join(names, ", ")
}

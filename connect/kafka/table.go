package kafka

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	options "github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/row"
)

// propertiesPrefix is before properties of the client among a table's options.
const propertiesPrefix = "properties."

// The options of tables.
var (
	topicOption = options.Text(options.Doc{
		Key: "topic", Text: "The topics that are read, with semicolons between them, or the topic that is written.",
	})
	patternOption = options.Text(options.Doc{
		Key: "topic-pattern", Text: "An expression that the names of topics must match as a whole to be read, instead of `topic`.",
	})
	keyFieldsOption = options.AnyText(options.Doc{
		Key: "key.fields", Default: "", Text: "The columns that are in the key, with semicolons between them.",
	})
	keyFieldsPrefixOption = options.AnyText(options.Doc{
		Key: "key.fields-prefix", Default: "", Text: "What the names of columns of the key begin with that is not in the key itself.",
	})
	valueFieldsOption = options.Enum(options.Doc{
		Key: "value.fields-include", Default: "ALL", Text: "Whether columns of the key are in the value too.",
	}, nil, "ALL", "EXCEPT_KEY")
	startOption = options.Enum(options.Doc{
		Key: "scan.startup.mode", Default: "group-offsets", Text: "Where reading begins.",
	}, nil, "earliest-offset", "latest-offset", "group-offsets", "timestamp", "specific-offsets")
	startOffsetsOption = options.Text(options.Doc{
		Key: "scan.startup.specific-offsets", Text: "Where it begins with `specific-offsets`, as `partition:0,offset:42;partition:1,offset:300`.",
	})
	startTimeOption = options.Int(options.Doc{
		Key: "scan.startup.timestamp-millis", Text: "Where it begins with `timestamp`, in milliseconds since 1970.",
	}, 0, 1<<62)
	stopOption = options.Enum(options.Doc{
		Key: "scan.bounded.mode", Default: "unbounded", Text: "Where reading ends.",
	}, nil, "unbounded", "latest-offset", "group-offsets", "timestamp", "specific-offsets")
	stopOffsetsOption = options.Text(options.Doc{
		Key: "scan.bounded.specific-offsets", Text: "Before which offsets it ends with `specific-offsets`.",
	})
	stopTimeOption = options.Int(options.Doc{
		Key: "scan.bounded.timestamp-millis", Text: "Before which time it ends with `timestamp`, in milliseconds since 1970.",
	}, 0, 1<<62)
	discoverOption = options.Duration(options.Doc{
		Key: "scan.topic-partition-discovery.interval", Default: "5 min", Text: "How often new partitions are looked for; `0` is never.",
	})
	scanParallelismOption = options.Int(options.Doc{
		Key: "scan.parallelism", Text: "How many subtasks read. By default one for each partition, up to the job's parallelism.",
	}, 1, 1<<15)
)

// base is Table without what makes sources and sinks, which parse their options by it.
var base = connect.TableFactory{
	Name: "kafka", Formatted: true, Keyed: true,
	Options: append(options.Set{
		topicOption, patternOption, keyFieldsOption, keyFieldsPrefixOption, valueFieldsOption, startOption, startOffsetsOption,
		startTimeOption, stopOption, stopOffsetsOption, stopTimeOption, discoverOption, scanParallelismOption,
		guaranteeOption, prefixOption, loseOption, partitionerOption, connect.SinkParallelism,
	}, connect.BadRecordOptions...),
}

// Table is the connector 'kafka' of SQL: records of topics in a format, with keys in a format of their own, if wanted. Options that
// begin with properties. are those of Kafka's Java client.
var Table = connect.TableFactory{
	Name: base.Name, Options: base.Options, Formatted: base.Formatted, Keyed: base.Keyed,
	NewSource: func(t *connect.TableSpec) (connect.TableSource, error) { return newTableSource(t, &base) },
	NewSink:   func(t *connect.TableSpec) (connect.TableSink, error) { return newTableSink(t, &base) },
}

// table is what source and sink of a table have in common.
type table struct {
	spec       *connect.TableSpec
	isUpsert   bool // of upsert-kafka
	values     *options.Configuration
	properties map[string]string
	topics     []string
	key, value part
}

// part is what the key, or the value, of records has.
type part struct {
	factory *format.Factory // nil for a key that is not looked at
	places  []int           // of its columns in the table's schema
	rows    format.Table
}

// newTable checks the options that reading and writing share. f is base or upsertBase.
func newTable(t *connect.TableSpec, f *connect.TableFactory) (*table, error) {
	own := *t
	own.Options = map[string]string{}
	c := &table{spec: t, isUpsert: f == &upsertBase, properties: map[string]string{}}
	for key, text := range t.Options {
		if name, ok := strings.CutPrefix(key, propertiesPrefix); ok {
			c.properties[name] = text
		} else {
			own.Options[key] = text
		}
	}
	o, err := f.Parse(&own)
	if err != nil {
		return nil, err
	}
	c.values = o.Connector
	var errs []error
	if len(t.Partitions) > 0 {
		errs = append(errs, fmt.Errorf("the connector '%s' has no PARTITIONED BY: the key says in which partition a row is", f.Name))
	}
	c.topics = list(topicOption.Get(c.values))
	keys := list(keyFieldsOption.Get(c.values))
	if c.isUpsert {
		keys = t.PrimaryKey
		errs = append(errs, c.checkUpsert(&o))
	}
	prefix := keyFieldsPrefixOption.Get(c.values)
	exceptKey := valueFieldsOption.Get(c.values) == "EXCEPT_KEY"
	switch {
	case c.isUpsert:
	case o.KeyFormat == nil && len(keys) > 0:
		errs = append(errs, errors.New("'key.fields' is given, and 'key.format' is not: how the key is written"))
	case o.KeyFormat != nil && len(keys) == 0:
		errs = append(errs, errors.New("'key.format' is given, and 'key.fields' is not: the columns that the key has"))
	case prefix != "" && !exceptKey:
		errs = append(errs, errors.New("'key.fields-prefix' needs 'value.fields-include' = 'EXCEPT_KEY': columns with the prefix are not in the value"))
	}
	keySchema, valueSchema := &row.Schema{}, &row.Schema{}
	for _, name := range keys {
		at := t.Schema.Index(name)
		if at < 0 {
			errs = append(errs, fmt.Errorf("'key.fields' names the column %s, which is not there", name))
			continue
		}
		f := t.Schema.Fields[at]
		short, ok := strings.CutPrefix(f.Name, prefix)
		if !ok || short == "" {
			errs = append(errs, fmt.Errorf("'key.fields' names the column %s, which does not begin with 'key.fields-prefix' %s", name, prefix))
		}
		f.Name = short
		keySchema.Fields = append(keySchema.Fields, f)
		c.key.places = append(c.key.places, at)
	}
	for i, f := range t.Schema.Fields {
		if !exceptKey || !slices.Contains(c.key.places, i) {
			valueSchema.Fields = append(valueSchema.Fields, f)
			c.value.places = append(c.value.places, i)
		}
	}
	c.key.factory, c.key.rows = o.KeyFormat, format.Table{Schema: keySchema, Options: o.KeyFormatOptions, Zone: t.Zone}
	c.value.factory, c.value.rows = o.Format, format.Table{Schema: valueSchema, Options: o.FormatOptions, Zone: t.Zone}
	if len(c.topics) == 1 { // the names that Confluent's serializers give
		c.key.rows.Subject, c.value.rows.Subject = c.topics[0]+"-key", c.topics[0]+"-value"
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("table %s: %w", t.Name, err)
	}
	return c, nil
}

// list are the items of a text with semicolons between them.
func list(text string) (items []string) {
	for item := range strings.SplitSeq(text, ";") {
		if item = strings.TrimSpace(item); item != "" {
			items = append(items, item)
		}
	}
	return items
}

// sourceOptions are those of reading.
func (c *table) sourceOptions() (SourceOptions, error) {
	o := SourceOptions{
		Topics: c.topics, TopicPattern: patternOption.Get(c.values), Properties: c.properties, Discover: discoverOption.Get(c.values),
	}
	if o.Discover == 0 {
		o.Discover = -1
	}
	var errs [2]error
	if !c.isUpsert { // the table is all of the topic
		o.Start, errs[0] = c.offsets(startOption.Get(c.values), "scan.startup.", startOffsetsOption, startTimeOption)
	}
	if mode := stopOption.Get(c.values); mode != "unbounded" {
		o.Stop = new(Offsets)
		*o.Stop, errs[1] = c.offsets(mode, "scan.bounded.", stopOffsetsOption, stopTimeOption)
	}
	return o, errors.Join(errs[:]...)
}

// offsets are those that a mode means. prefix is before the options that belong to it.
func (c *table) offsets(mode, prefix string, exact *options.Option[string], millis *options.Option[int]) (Offsets, error) {
	switch mode {
	case "latest-offset":
		return Latest(), nil
	case "group-offsets":
		return Committed(), nil
	case "timestamp":
		t, ok := millis.Lookup(c.values)
		if !ok {
			return Offsets{}, fmt.Errorf("the option '%stimestamp-millis' is missing, to which 'timestamp' belongs", prefix)
		}
		return At(time.UnixMilli(int64(t))), nil
	case "specific-offsets":
		if len(c.topics) != 1 {
			return Offsets{}, fmt.Errorf("'%sspecific-offsets' are those of a single 'topic'", prefix)
		}
		return parseOffsets(prefix+"specific-offsets", c.topics[0], exact.Get(c.values))
	}
	return Earliest(), nil
}

// parseOffsets reads partition:0,offset:42;partition:1,offset:300.
func parseOffsets(key, topic, text string) (Offsets, error) {
	all := map[Partition]int64{}
	wrong := fmt.Errorf("%s: %q is not like partition:0,offset:42;partition:1,offset:300", key, text)
	for _, item := range list(text) {
		p, o, ok := strings.Cut(item, ",")
		number, ok1 := strings.CutPrefix(strings.TrimSpace(p), "partition:")
		offset, ok2 := strings.CutPrefix(strings.TrimSpace(o), "offset:")
		n, err1 := strconv.ParseInt(number, 10, 32)
		at, err2 := strconv.ParseInt(offset, 10, 64)
		if !ok || !ok1 || !ok2 || err1 != nil || err2 != nil || n < 0 || at < 0 {
			return Offsets{}, wrong
		}
		all[Partition{topic, int32(n)}] = at
	}
	if len(all) == 0 {
		return Offsets{}, wrong
	}
	return Exactly(all), nil
}

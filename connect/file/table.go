package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"regexp"
	"slices"

	options "github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/filesystem"
	formats "github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/row"
)

// The options of tables of files.
var (
	pathOption = options.Text(options.Doc{
		Key: "path", Required: true,
		Text: "The file, directory or pattern that is read, or the directory that is written: a path, `file:///path`, in an object store, `s3://bucket/path`, or in HDFS, `hdfs://host:port/path`. See docs/connectors/filesystem.md.",
	})
	monitorOption = options.Duration(options.Doc{
		Key: "source.monitor-interval", Text: "How often new files are looked for. By default the files there are at the start are read.",
	})
	patternOption = options.Text(options.Doc{
		Key: "source.path.regex-pattern", Text: "An expression that the paths of files must match as a whole to be read.",
	})
	partitionNameOption = options.Text(options.Doc{
		Key: "partition.default-name", Default: "__DEFAULT_PARTITION__", Text: "The name of the directory of a partition column that is NULL or empty.",
	})
	partSizeOption = options.Size(options.Doc{
		Key: "sink.rolling-policy.file-size", Default: "128 mb", Text: "The size from which on a file is ended.",
	})
	rolloverOption = options.Duration(options.Doc{
		Key: "sink.rolling-policy.rollover-interval", Default: "30 min", Text: "The age at which a file is ended.",
	})
	inactivityOption = options.Duration(options.Doc{
		Key: "sink.rolling-policy.inactivity-interval", Default: "30 min", Text: "After how long without a row a file is ended.",
	})
	checkOption = options.Duration(options.Doc{
		Key: "sink.rolling-policy.check-interval", Default: "1 min", Text: "Has no effect: files are ended when it is time.",
	})
)

// base is Table without what makes sources and sinks, which parse their options by it.
var base = connect.TableFactory{
	Name: "filesystem",
	Options: slices.Concat(options.Set{
		pathOption, monitorOption, patternOption, partitionNameOption, partSizeOption, rolloverOption, inactivityOption,
		checkOption, compactionOption, compactionSizeOption, compactionParallelismOption, connect.SinkParallelism,
	}, partitionOptions, connect.BadRecordOptions),
	Formatted: true,
}

// Table is the connector 'filesystem' of SQL: files of lines in a format, or files of the format, in directories named
// column=value for partition columns. A table that is written shows its files when the checkpoint that
// contains them is complete, as Sink does.
var Table = connect.TableFactory{
	Name: base.Name, Options: base.Options, Formatted: base.Formatted,
	NewSource: func(t *connect.TableSpec) (connect.TableSource, error) { return newTableSource(t) },
	NewSink:   func(t *connect.TableSpec) (connect.TableSink, error) { return newTableSink(t) },
	Sample:    sample,
}

// sample opens the first file that a path names.
func sample(ctx context.Context, path string) (name string, content io.ReadCloser, err error) {
	cfg := newConfig(path, nil)
	if err := cfg.validate(); err != nil {
		return "", nil, err
	}
	cfg.mayBeEmpty = true
	files, err := cfg.list(ctx)
	if err == nil && len(files) == 0 {
		err = fmt.Errorf("there is no file %s: %w", path, fs.ErrNotExist)
	}
	if err != nil {
		return "", nil, err
	}
	content, err = disk{cfg.files, ctx}.openAt(files[0].path, 0)
	return files[0].path, content, err
}

// table is what source and sink of a table have in common.
type table struct {
	spec       *connect.TableSpec
	format     *formats.Factory
	path       string
	empty      string      // the directory of a partition column that is NULL
	physical   *row.Schema // of the files
	places     []int       // of the physical columns in the schema
	partitions []partition
	formatted  formats.Table
	values     *options.Configuration
}

// partition is a partition column.
type partition struct {
	row.Field
	place int // in the schema
}

func newTable(t *connect.TableSpec) (*table, error) {
	o, err := base.Parse(t)
	if err != nil {
		return nil, err
	}
	c := &table{spec: t, format: o.Format, empty: partitionNameOption.Get(o.Connector), values: o.Connector}
	c.physical, c.places = t.Physical()
	c.formatted = formats.Table{Schema: c.physical, Options: o.FormatOptions, Zone: t.Zone}
	var errs []error
	if c.path, err = filesystem.Parse(pathOption.Get(o.Connector)); err != nil {
		errs = append(errs, fmt.Errorf("path: %w", err))
	}
	for _, name := range t.Partitions {
		at := t.Schema.Index(name)
		if at < 0 {
			errs = append(errs, fmt.Errorf("there is no column %s to partition by", name))
			continue
		}
		f := t.Schema.Fields[at]
		if !partitionable(f.Type) {
			errs = append(errs, fmt.Errorf("column %s of type %s cannot name directories: partition by texts, numbers other than DECIMAL, "+
				"BOOLEAN, DATE, TIME or TIMESTAMP", name, f.Type))
		}
		c.partitions = append(c.partitions, partition{f, at})
	}
	if err := errors.Join(errs...); err != nil {
		return nil, fmt.Errorf("table %s: %w", t.Name, err)
	}
	return c, nil
}

// sourceConfig is how the files of the table are found.
func (c *table) sourceConfig() (*config, error) {
	cfg := newConfig(c.path, nil)
	cfg.recursive, cfg.ranges, cfg.mayBeEmpty = true, true, len(c.partitions) > 0
	if every, ok := monitorOption.Lookup(c.values); ok {
		cfg.watch, cfg.watched = every, true
	}
	if text, ok := patternOption.Lookup(c.values); ok {
		re, err := regexp.Compile("^(?:" + text + ")$")
		if err != nil {
			return nil, fmt.Errorf("table %s: source.path.regex-pattern: %w", c.spec.Name, err)
		}
		cfg.match = re.MatchString
	}
	return cfg, cfg.validate()
}

// metadata are the columns that are known of each file.
var metadata = []row.Field{
	{Name: "file.path", Type: row.StringType().Nullable(false)},
	{Name: "file.name", Type: row.StringType().Nullable(false)},
	{Name: "file.size", Type: row.Of(row.BigInt).Nullable(false)},
	{Name: "file.modification-time", Type: row.TimestampLTZOf(3).Nullable(false)},
}

func metadataField(name string) (row.Field, bool) {
	i := slices.IndexFunc(metadata, func(f row.Field) bool { return f.Name == name })
	if i < 0 {
		return row.Field{}, false
	}
	return metadata[i], true
}

package file

import (
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	options "github.com/flott-dev/flott/config"
)

// The options of the commit of partitions.
var (
	triggerOption = options.Enum(options.Doc{
		Key: "sink.partition-commit.trigger", Default: "process-time", Text: "When a partition is committed: with `process-time` by the clock, when " +
			"`delay` has passed since its first file was begun; with `partition-time` when the watermark has passed the time that its name says, and `delay`. " +
			"At the end of the input all are.",
	}, nil, "process-time", "partition-time")
	delayOption = options.Duration(options.Doc{
		Key: "sink.partition-commit.delay", Default: "0 s", Text: "How long a partition is not committed yet: `1 d` for partitions of days, `1 h` for those of hours.",
	})
	policyOption = options.Text(options.Doc{
		Key: "sink.partition-commit.policy.kind", Text: "What it is to commit a partition: `success-file` puts an empty file into its directory. By default partitions are not committed.",
	})
	successOption = options.Text(options.Doc{
		Key: "sink.partition-commit.success-file.name", Default: "_SUCCESS", Text: "The name of that file.",
	})
	watermarkZoneOption = options.Text(options.Doc{
		Key: "sink.partition-commit.watermark-time-zone", Default: "UTC", Text: "The time zone in which the times of partitions are, as `Europe/Berlin` or `GMT-08:00`: " +
			"that of the session if the watermark is of a TIMESTAMP_LTZ.",
	})
	extractorOption = options.Text(options.Doc{
		Key: "partition.time-extractor.kind", Default: "default", Text: "How the time of a partition is found; there is `default` only.",
	})
	timePatternOption = options.AnyText(options.Doc{
		Key: "partition.time-extractor.timestamp-pattern", Text: "The time of a partition, made of its columns, as `$year-$month-$day $hour:00:00`. By default it is the first column.",
	})
	timeFormatterOption = options.AnyText(options.Doc{
		Key: "partition.time-extractor.timestamp-formatter", Text: "A pattern of Java's DateTimeFormatter by which that time is read, as `yyyyMMdd`. By default it is `yyyy-MM-dd HH:mm:ss` " +
			"or `yyyy-MM-dd`, of numbers with as many digits as they have.",
	})
)

var partitionOptions = options.Set{
	triggerOption, delayOption, policyOption, successOption, watermarkZoneOption, extractorOption, timePatternOption, timeFormatterOption,
}

// newPartitionCommit reads the options; nil says that partitions are not committed.
func (c *table) newPartitionCommit() (*PartitionCommit, error) {
	p := &PartitionCommit{SuccessFile: successOption.Get(c.values), Delay: delayOption.Get(c.values)}
	var errs []error
	kinds, given := policyOption.Lookup(c.values)
	if given {
		errs = append(errs, checkPolicies(kinds))
	}
	if kind := extractorOption.Get(c.values); kind != "default" {
		errs = append(errs, fmt.Errorf("partition.time-extractor.kind: '%s' cannot be, since classes of Java are not run; use 'default' with "+
			"'partition.time-extractor.timestamp-pattern'", kind))
	}
	if filepath.Base(p.SuccessFile) != p.SuccessFile {
		errs = append(errs, fmt.Errorf("sink.partition-commit.success-file.name: %q is not the name of a file", p.SuccessFile))
	}
	times, err := c.newPartitionTimes()
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, fmt.Errorf("table %s: %w", c.spec.Name, err)
	}
	if triggerOption.Get(c.values) == "partition-time" {
		p.Time = times.of
	}
	if !given || len(c.partitions) == 0 && !c.isBatch() {
		return nil, nil
	}
	return p, nil
}

func (c *table) newPartitionTimes() (*partitionTimes, error) {
	p := &partitionTimes{columns: c.spec.Partitions, format: defaultTimeFormat}
	var errs []error
	var err error
	if p.zone, err = timeZone(watermarkZoneOption.Get(c.values)); err != nil {
		errs = append(errs, fmt.Errorf("sink.partition-commit.watermark-time-zone: %w", err))
	}
	p.pattern, _ = timePatternOption.Lookup(c.values)
	if text, ok := timeFormatterOption.Lookup(c.values); ok {
		if p.format, err = newTimeFormat(text); err != nil {
			errs = append(errs, fmt.Errorf("partition.time-extractor.timestamp-formatter: %w", err))
		}
	}
	return p, errors.Join(errs...)
}

// isBatch reports whether the table is of a statement in batch mode.
func (c *table) isBatch() bool {
	return c.spec.Config != nil && options.RuntimeMode.Get(c.spec.Config) == "BATCH"
}

func checkPolicies(kinds string) (err error) {
	for _, kind := range strings.Split(kinds, ",") {
		reason := "it is 'success-file'"
		switch strings.ToLower(kind) {
		case "success-file":
			continue
		case "metastore":
			reason = "a table of files has no metastore; use 'success-file'"
		case "custom":
			reason = "classes of Java are not run; use 'success-file'"
		}
		err = errors.Join(err, fmt.Errorf("sink.partition-commit.policy.kind: '%s' cannot be: %s", kind, reason))
	}
	return err
}

// timeZone is a time zone by its name, or by its offset from GMT or UTC.
func timeZone(name string) (*time.Location, error) {
	if zone, err := time.LoadLocation(name); err == nil {
		return zone, nil
	}
	text := strings.TrimPrefix(strings.TrimPrefix(name, "GMT"), "UTC")
	for _, layout := range []string{"-07:00", "-0700", "-07"} {
		if t, err := time.Parse(layout, text); err == nil {
			_, offset := t.Zone()
			return time.FixedZone(name, offset), nil
		}
	}
	return nil, fmt.Errorf("there is no time zone %q: it is a name such as Europe/Berlin, or GMT+08:00", name)
}

package file

import (
	"errors"
	"fmt"
	"time"

	"github.com/flott-dev/flott/connect/filesystem"
)

// Option is a setting of a source.
type Option func(*config)

// DefaultSplitBytes is the length of the ranges that large files of lines are cut into.
const DefaultSplitBytes = 64 << 20

// DefaultLineBytesMax is the length above which a line is taken for an error.
const DefaultLineBytesMax = 16 << 20

type config struct {
	patterns     []string
	errs         []error // of the patterns
	recursive    bool
	watch        time.Duration
	watched      bool
	splitBytes   int64
	lineBytesMax int
	onBad        Policy
	csv          csvConfig
	files        filesystem.Files
	ranges       bool // the format can be cut into ranges
	// match picks files by their paths; nil takes all. mayBeEmpty says that it is no error
	// when there are none.
	match      func(path string) bool
	mayBeEmpty bool
}

func newConfig(pattern string, options []Option) *config {
	c := &config{
		patterns: []string{pattern}, splitBytes: DefaultSplitBytes, lineBytesMax: DefaultLineBytesMax,
		onBad: Fail, csv: csvConfig{comma: ','}, files: filesystem.All(),
	}
	for _, o := range options {
		o(c)
	}
	c.errs = make([]error, len(c.patterns))
	for i, p := range c.patterns {
		c.patterns[i], c.errs[i] = filesystem.Parse(p)
	}
	return c
}

func (c *config) validate() error {
	var errs []error
	for i, p := range c.patterns {
		if p == "" {
			errs = append(errs, errors.New("file: a pattern is empty; name a file, a directory or a "+
				"pattern like data/*.csv"))
		}
		if c.errs[i] != nil {
			errs = append(errs, fmt.Errorf("file: %w", c.errs[i]))
		}
	}
	if c.watched && c.watch <= 0 {
		errs = append(errs, fmt.Errorf("file: Watch(%v): must be positive", c.watch))
	}
	if c.splitBytes < 1 {
		errs = append(errs, fmt.Errorf("file: SplitBytes(%d): must be at least 1", c.splitBytes))
	}
	if c.lineBytesMax < 1 {
		errs = append(errs, fmt.Errorf("file: LineBytesMax(%d): must be at least 1", c.lineBytesMax))
	}
	return errors.Join(errs...)
}

// Also adds files, directories or patterns.
func Also(patterns ...string) Option {
	return func(c *config) { c.patterns = append(c.patterns, patterns...) }
}

// Recursive reads the files in the directories below the named ones, too.
func Recursive() Option { return func(c *config) { c.recursive = true } }

// Watch lists the files again every interval and reads those that are new. It makes the source
// unbounded.
func Watch(interval time.Duration) Option {
	return func(c *config) { c.watch, c.watched = interval, true }
}

// SplitBytes is the length of the ranges that large uncompressed files of lines are cut into. The
// default is DefaultSplitBytes. CSV files are not cut: a newline may be inside quotes.
func SplitBytes(n int64) Option { return func(c *config) { c.splitBytes = n } }

// LineBytesMax is the length above which a line is an error. The default is DefaultLineBytesMax.
func LineBytesMax(n int) Option { return func(c *config) { c.lineBytesMax = n } }

// OnBad says what is done with a record that cannot be decoded. The default is Fail.
func OnBad(p Policy) Option { return func(c *config) { c.onBad = p } }

// Comma is what separates the cells of a CSV record. The default is a comma.
func Comma(r rune) Option { return func(c *config) { c.csv.comma = r } }

// Comment makes CSV lines that begin with r be passed over. By default there are no comments.
func Comment(r rune) Option { return func(c *config) { c.csv.comment = r } }

// LazyQuotes allows quotes inside CSV cells that are not quoted.
func LazyQuotes() Option { return func(c *config) { c.csv.lazyQuotes = true } }

// Header says that the first record of each CSV file names the columns: the fields of a struct are
// found by name, in any order, and other columns are ignored. By default cells belong to fields in
// the order of both.
func Header() Option { return func(c *config) { c.csv.header = true } }

func withFiles(f filesystem.Files) Option { return func(c *config) { c.files = f } }

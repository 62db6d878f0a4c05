package file

import (
	"fmt"
	"io"

	columns "github.com/flott-dev/flott/column"
	options "github.com/flott-dev/flott/config"
	formats "github.com/flott-dev/flott/format"
)

// The options of the compaction of files.
var (
	compactionOption = options.Bool(options.Doc{
		Key: "auto-compaction", Default: "false", Text: "Merges the files of all subtasks and a checkpoint, in each partition, before they become visible. " +
			"Files end with each checkpoint then. In batch mode it has no effect.",
	})
	compactionSizeOption = options.Size(options.Doc{
		Key: "compaction.file-size", Text: "The size up to which files are merged into one. By default it is `sink.rolling-policy.file-size`.",
	})
	compactionParallelismOption = options.Int(options.Doc{
		Key: "compaction.parallelism", Text: "How many files are made of others at a time, by the one subtask that commits. By default as many as its process has processors; more help in object stores.",
	}, 1, 1<<15)
)

// newCompaction reads the options; nil says that files are not merged.
func (s *tableSink) newCompaction() (*Compaction, error) {
	if !compactionOption.Get(s.values) || s.isBatch() {
		return nil, nil
	}
	c := &Compaction{Bytes: partSizeOption.Get(s.values)}
	c.Parallelism, _ = compactionParallelismOption.Lookup(s.values)
	if n, ok := compactionSizeOption.Lookup(s.values); ok {
		c.Bytes = n
	}
	if c.Bytes == 0 {
		return nil, fmt.Errorf("table %s: compaction.file-size is 0; it is a size such as '128 mb'", s.spec.Name)
	}
	if _, err := s.newFileDecoder(); s.newFileEncoder != nil && err != nil {
		return nil, fmt.Errorf("table %s: 'auto-compaction' has to read files: %w", s.spec.Name, err)
	}
	return c, nil
}

// merge makes the merger of files of a format that has files of its own.
func (s *tableSink) merge(to io.Writer) (Merger, error) {
	newDecoder, err := s.newFileDecoder()
	if err != nil {
		return nil, err
	}
	e, err := s.newFileEncoder(to)
	return &rewriting{decoder: newDecoder(), encoder: e, batch: columns.NewBatch(s.physical), reads: s.format.Reads}, err
}

func (s *tableSink) newFileDecoder() (func() formats.FileDecoder, error) {
	if s.format.NewFileDecoder == nil {
		return nil, fmt.Errorf("files of the format '%s' cannot be read", s.format.Name)
	}
	return s.format.NewFileDecoder(&s.formatted)
}

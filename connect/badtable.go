package connect

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/flott-dev/flott/config"
)

// The options of tables in a format about records that cannot be decoded.
var (
	badOption = config.Enum(config.Doc{
		Key: "scan.bad-records", Default: "fail", Text: "What is done with a record that cannot be decoded: it fails the job; or, with `skip`, it is dropped and counted " +
			"(`numRecordsInErrors`); or, with `dead-letter`, it is written to `scan.dead-letter.directory` besides. A record that is read again after a failure is written again.",
	}, nil, "fail", "skip", "dead-letter")
	deadLetterOption = config.Text(config.Doc{
		Key: "scan.dead-letter.directory", Text: "A directory on the machine of each reader. It gets lines of JSON with `time`, `table`, `place`, `error` and `record`, " +
			"or `bytes` of a record that is no text, so that it can be a table in the format json.",
	})

	// BadRecordOptions are those of TableBadPolicy.
	BadRecordOptions = config.Set{badOption, deadLetterOption}
)

// TableBadPolicy is what the options of a table say about records that cannot be decoded.
func TableBadPolicy(table string, options *config.Configuration) (BadPolicy, error) {
	what, dir := badOption.Get(options), deadLetterOption.Get(options)
	switch {
	case what == "dead-letter" && dir == "":
		return FailOnBad, errors.New("'scan.bad-records' = 'dead-letter' needs 'scan.dead-letter.directory': where bad records are written to")
	case what != "dead-letter" && dir != "":
		return FailOnBad, fmt.Errorf("'scan.dead-letter.directory' is for 'scan.bad-records' = 'dead-letter', which is '%s'", what)
	case what == "fail":
		return FailOnBad, nil
	case what == "skip":
		return BadPolicy{skip: true, strict: true}, nil
	}
	dir = strings.TrimPrefix(dir, "file://")
	if strings.Contains(dir, "://") {
		return FailOnBad, fmt.Errorf("'scan.dead-letter.directory' is '%s', but can be a directory of the machine only", dir)
	}
	d := &deadLetters{table: table, dir: dir}
	return BadPolicy{handle: d.write, skip: true, strict: true}, nil
}

// deadLetters writes bad records to a directory. Each process has a file of its own there.
type deadLetters struct {
	table, dir string
	mu         sync.Mutex
}

// deadLetter is a line.
type deadLetter struct {
	Time   string `json:"time"`
	Table  string `json:"table"`
	Place  string `json:"place"`
	Error  string `json:"error"`
	Record string `json:"record,omitempty"`
	Bytes  []byte `json:"bytes,omitempty"`
}

// deadLetterTime is how the format json writes a TIMESTAMP_LTZ.
const deadLetterTime = "2006-01-02 15:04:05.000Z"

func (d *deadLetters) write(b *Bad) error {
	l := deadLetter{Time: time.Now().UTC().Format(deadLetterTime), Table: d.table, Place: b.Place, Error: b.Err.Error()}
	if utf8.Valid(b.Record) {
		l.Record = string(b.Record)
	} else {
		l.Bytes = b.Record
	}
	var line bytes.Buffer
	e := json.NewEncoder(&line)
	e.SetEscapeHTML(false)
	err := e.Encode(l)
	if err == nil {
		err = d.append(line.Bytes())
	}
	if err != nil {
		return fmt.Errorf("write a bad record to 'scan.dead-letter.directory': %w; the record: %w", err, b)
	}
	return nil
}

func (d *deadLetters) append(line []byte) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := os.MkdirAll(d.dir, 0o777); err != nil {
		return err
	}
	host, err := os.Hostname()
	if err != nil {
		return err
	}
	name := fmt.Sprintf("dead-letters-%s-%d.json", host, os.Getpid())
	f, err := os.OpenFile(filepath.Join(d.dir, name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o666)
	if err != nil {
		return err
	}
	_, err = f.Write(line)
	return errors.Join(err, f.Close())
}

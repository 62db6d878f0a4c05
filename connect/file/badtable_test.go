package file

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/connecttest"
)

// TestTableBadRecords: a line that cannot be decoded is dropped, or kept as a row of a table of dead letters, and those around
// it are read.
func TestTableBadRecords(t *testing.T) {
	dir := t.TempDir()
	letters := filepath.Join(dir, "letters")
	writeFile(t, filepath.Join(dir, "in", "a.json"), "{\"n\":1}\n{\"n\":\"x\"}\n\xff<\n{\"n\":2}\n")
	for _, options := range [][]string{
		{"scan.bad-records=skip"},
		{"scan.bad-records=dead-letter", "scan.dead-letter.directory=" + letters},
	} {
		table := spec("n INT", append(options, "path="+filepath.Join(dir, "in"), "format=json")...)
		d := connecttest.NewDriver(t, open(t, table, connect.Scan{}), 1, nil)
		got, err := d.Read(0)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, got, []string{"[1]", "[2]"})
		if n := d.Metrics.Counter("numRecordsInErrors").Value(); n != 2 {
			t.Errorf("%v: %d records are counted as bad, want 2", options, n)
		}
	}
	bad := spec("`table` STRING, place STRING, error STRING, record STRING, bytes BYTES", "path="+letters, "format=json")
	path := filepath.Join(dir, "in", "a.json")
	got := mustRead(t, bad, connect.Scan{})
	if len(got) != 2 || !strings.HasPrefix(got[0], `["t","`+path+`:2`) || !strings.HasSuffix(got[0], `"{\"n\":\"x\"}",null]`) ||
		!strings.HasPrefix(got[1], `["t","`+path+`:3`) || !strings.HasSuffix(got[1], `,null,"0xff3c"]`) {
		t.Errorf("the dead letters are %s", got)
	}
	timed := spec("`time` TIMESTAMP_LTZ(3)", "path="+letters, "format=json")
	if got := mustRead(t, timed, connect.Scan{}); len(got) != 2 || !strings.HasPrefix(got[0], `["2`) {
		t.Errorf("their times are %s", got)
	}
}

// TestTableBadRecordsErrors: what is missing or cannot be is said before the job runs, and a directory that cannot be
// written fails it with the record.
func TestTableBadRecordsErrors(t *testing.T) {
	in := filepath.Join(t.TempDir(), "in")
	writeFile(t, filepath.Join(in, "a.json"), "{\n")
	for options, want := range map[string]string{
		"scan.bad-records=dead-letter":                                     "needs 'scan.dead-letter.directory'",
		"scan.dead-letter.directory=/x":                                    "is for 'scan.bad-records' = 'dead-letter', which is 'fail'",
		"scan.bad-records=dead-letter scan.dead-letter.directory=s3://b/x": "can be a directory of the machine only",
		"scan.bad-records=skip format=parquet":                             "a file of 'parquet' is read as a whole or not",
		"scan.bad-records=drop":                                            "fail, skip, dead-letter",
	} {
		_, err := Table.NewSource(spec("n INT", append([]string{"path=" + in, "format=json"}, strings.Fields(options)...)...))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", options, err, want)
		}
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	table := spec("n INT", "path="+in, "format=json", "scan.bad-records=dead-letter", "scan.dead-letter.directory="+file+"/letters")
	_, err := readTable(t, table, connect.Scan{})
	for _, want := range []string{"write a bad record to 'scan.dead-letter.directory'", file, "a.json:1", `in the record "{"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, without %s", err, want)
		}
	}
}

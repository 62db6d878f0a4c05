package socket

import (
	"net"
	"strings"
	"testing"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/connecttest"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/format/csv"
	"github.com/flott-dev/flott/format/formattest"
)

func tableAt(t *testing.T, addr string, options ...string) connect.Source[string] {
	t.Helper()
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		t.Fatal(err)
	}
	spec := &connect.TableSpec{
		Name: "t", Schema: formattest.Schema("a INT, b STRING"), Formats: []format.Factory{csv.Factory},
		Options: map[string]string{"connector": "socket", "hostname": host, "port": port, "format": "csv", "bounded": "true"},
	}
	for _, o := range options {
		key, value, _ := strings.Cut(o, "=")
		spec.Options[key] = value
	}
	table, err := Table.NewSource(spec)
	if err != nil {
		t.Fatal(err)
	}
	columns, err := table.Scan(connect.Scan{Project: []int{1, 0}})
	if err != nil {
		t.Fatal(err)
	}
	return connecttest.Rows(columns, formattest.Rows)
}

func TestTable(t *testing.T) {
	addr := serve(t, "1,a\n2,b\r\n3,c")
	connecttest.Source(t, func() connect.Source[string] { return tableAt(t, addr) }, connecttest.Options[string]{
		Want: []string{`["a",1]`, `["b",2]`, `["c",3]`}, NoReplay: true,
	})
}

func TestTableBadLine(t *testing.T) {
	_, err := connecttest.NewDriver(t, tableAt(t, serve(t, "1,a\nx,b\n")), 1, nil).Read(0)
	want := `socket: line 2 since the start: column 1: field a: "x" is not a value of type INT, in the record "x,b"`
	if err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
	got, err := connecttest.NewDriver(t, tableAt(t, serve(t, "1,a\nx,b\n2,c\n"), "scan.bad-records=skip"), 1, nil).Read(0)
	if err != nil || strings.Join(got, " ") != `["a",1] ["c",2]` {
		t.Errorf("%s, %v", got, err)
	}
}

func TestTableErrors(t *testing.T) {
	_, err := Table.NewSource(&connect.TableSpec{Formats: []format.Factory{csv.Factory}, Options: map[string]string{"hostnme": "x", "port": "70000"}})
	for _, want := range []string{"did you mean 'hostname'?", `port: "70000" is not a whole number from 1 to 65535`, "the option 'format' is missing", "the option 'hostname' is missing"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, without %s", err, want)
		}
	}
}

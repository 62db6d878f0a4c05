package postgrescdc

import (
	"bytes"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/connecttest"
	"github.com/flott-dev/flott/format/formattest"
	"github.com/flott-dev/flott/internal/servertest"
)

// TestChanges reads all kinds of changes, with rows as they were, and values of all types.
func TestChanges(t *testing.T) {
	d := newDatabase(t, servertest.Postgres(t))
	d.exec(`CREATE TABLE t (id INT PRIMARY KEY, b BOOLEAN, i SMALLINT, l BIGINT, f REAL, d DOUBLE PRECISION, n NUMERIC(12,3), s TEXT, c CHAR(3), x BYTEA, day DATE, at TIME(3),
		ts TIMESTAMP(6), tz TIMESTAMPTZ, u UUID, j JSONB, a INT[])`, "ALTER TABLE t REPLICA IDENTITY FULL",
		`INSERT INTO t VALUES (1, TRUE, 7, 1234567890123, 1.5, -2.25, 1.25, 'ä', 'x', '\x00ff', '2024-05-01', '10:20:30', '2024-05-01 10:20:30.123456', '2024-05-01 12:00:00+02',
		'00000000-0000-0000-0000-00000000000a', '{"a": 1}', '{1,2}')`, "INSERT INTO t (id) VALUES (2)")
	const schema = "id INT NOT NULL, b BOOLEAN, i SMALLINT, l BIGINT, f FLOAT, d DOUBLE, n DECIMAL(12,3), s STRING, c STRING, x BYTES, day DATE, `at` TIME(0), ts TIMESTAMP(6), tz TIMESTAMP_LTZ(3), u STRING, j STRING, a STRING"
	f := d.follow(schema, "", nil)
	defer f.Close()
	nulls := strings.Repeat(",null", 16)
	first := `[1,true,7,1234567890123,1.5,-2.25,"1.250","ä","x  ","0x00ff","2024-05-01","10:20:30","2024-05-01 10:20:30.123456","2024-05-01 10:00:00.000Z","00000000-0000-0000-0000-00000000000a","{\"a\": 1}","{1,2}"]`
	d.wants(f, "+I "+first, "+I [2"+nulls+"]")
	d.exec("INSERT INTO t (id) VALUES (3)", "UPDATE t SET id = 4 WHERE id = 3", "DELETE FROM t WHERE id = 2", "UPDATE t SET b = NULL WHERE id = 1")
	d.wants(f, "+I [3"+nulls+"]", "-U [3"+nulls+"]", "+U [4"+nulls+"]", "-D [2"+nulls+"]", "-U "+first, "+U "+strings.Replace(first, "true", "null", 1))
}

// TestTruncate: rows that are gone by TRUNCATE are not told, as in Flink CDC, but that is said; what comes after it is told.
func TestTruncate(t *testing.T) {
	var said lockedBuffer
	before := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&said, nil)))
	defer slog.SetDefault(before)
	d := newDatabase(t, servertest.Postgres(t))
	d.exec("CREATE TABLE t (id INT PRIMARY KEY)", "ALTER TABLE t REPLICA IDENTITY FULL", "CREATE TABLE other (id INT PRIMARY KEY)", "INSERT INTO t VALUES (1)")
	f := d.follow("id INT NOT NULL", "", nil)
	defer f.Close()
	d.wants(f, "+I [1]")
	d.exec("INSERT INTO other VALUES (1)", "TRUNCATE other", "INSERT INTO t VALUES (2)", "BEGIN; INSERT INTO t VALUES (3); TRUNCATE other, t; INSERT INTO t VALUES (1); COMMIT")
	d.wants(f, "+I [2]", "+I [3]", "+I [1]")
	said.Lock()
	defer said.Unlock()
	if got := strings.Count(said.String(), "a table was truncated"); got != 1 || !strings.Contains(said.String(), "table=public.t") {
		t.Errorf("what is said: %s", &said.Buffer)
	}
}

// lockedBuffer is a log.
type lockedBuffer struct {
	sync.Mutex
	bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.Lock()
	defer b.Unlock()
	return b.Buffer.Write(p)
}

// TestUpserts reads changes by key: of a deletion only the key is known, and large values that have not changed are not.
func TestUpserts(t *testing.T) {
	d := newDatabase(t, servertest.Postgres(t))
	d.exec("CREATE TABLE t (id INT PRIMARY KEY, s TEXT, big TEXT)", "ALTER TABLE t ALTER big SET STORAGE EXTERNAL", "INSERT INTO t VALUES (1, 'a'), (2, 'b')")
	upsert := []string{"changelog-mode", "upsert"}
	f := d.follow("id INT NOT NULL, s STRING", "id", nil, upsert...)
	defer f.Close()
	d.wants(f, `+U [1,"a"]`, `+U [2,"b"]`)
	d.exec("UPDATE t SET s = 'c', big = repeat('x', 5000) WHERE id = 1", "UPDATE t SET id = 3 WHERE id = 2", "DELETE FROM t WHERE id = 3", "UPDATE t SET s = 'd' WHERE id = 1")
	d.wants(f, `+U [1,"c"]`, `-D [2,null]`, `+U [3,"b"]`, `-D [3,null]`, `+U [1,"d"]`)
	big := d.follow("id INT NOT NULL, big STRING", "id", nil, append(upsert, "scan.startup.mode", "latest-offset", "slot.name", d.name+"b")...)
	defer big.Close()
	if _, err := big.Poll(0); err != nil { // it begins
		t.Fatal(err)
	}
	d.waitForSlot(d.name + "b")
	d.exec("UPDATE t SET s = 'e' WHERE id = 1")
	if _, err := big.Read(1); err == nil || !strings.Contains(err.Error(), "the log does not have the large value of the column big, which has not changed: ALTER TABLE … REPLICA IDENTITY FULL") {
		t.Errorf("a large value that the log does not have: %v", err)
	}
}

// waitForSlot waits until changes are read from a slot.
func (d *database) waitForSlot(slot string) {
	d.t.Helper()
	for end := time.Now().Add(20 * time.Second); ; {
		if got := d.query("SELECT active FROM pg_replication_slots WHERE slot_name = '" + slot + "'"); len(got) > 0 && got[0] == "t" {
			return
		}
		if time.Now().After(end) {
			d.t.Fatal("nobody reads from the slot")
		}
	}
}

// TestPattern reads several tables, one that comes while the job runs, and a column that does; metadata says which table it is.
func TestPattern(t *testing.T) {
	d := newDatabase(t, servertest.Postgres(t))
	table := func(name string) {
		d.exec("CREATE TABLE "+name+" (id INT PRIMARY KEY, s TEXT)", "ALTER TABLE "+name+" REPLICA IDENTITY FULL")
	}
	d.exec("CREATE SCHEMA other")
	table("t_1")
	table("other.t_2")
	table("u")
	d.exec("INSERT INTO t_1 VALUES (1, 'a')", "INSERT INTO other.t_2 VALUES (2, 'b')", "INSERT INTO u VALUES (3, 'c')")
	s, err := d.source("id INT, s STRING, more INT", connect.Scan{Project: []int{1, 0}, Metadata: []string{"table_name", "schema_name", "database_name"}}, "",
		"table-name", "t_.*", "schema-name", "public|other")
	if err != nil {
		t.Fatal(err)
	}
	f := connecttest.NewDriver(t, s, 1, nil)
	defer f.Close()
	row := func(kind, s string, id int, table, schema string) string {
		return fmt.Sprintf(`%s ["%s",%d,"%s","%s","%s"]`, kind, s, id, table, schema, d.name)
	}
	d.wants(f, row("+I", "b", 2, "t_2", "other"), row("+I", "a", 1, "t_1", "public"))
	table("t_3")
	d.exec("INSERT INTO t_3 VALUES (4, 'd')", "ALTER TABLE t_1 ADD COLUMN more INT, ADD COLUMN yet INT", "INSERT INTO t_1 VALUES (5, 'e', 7, 8)", "INSERT INTO u VALUES (6, 'f')")
	got := d.read(f, 2)
	for _, want := range []string{row("+I", "d", 4, "t_3", "public"), row("+I", "e", 5, "t_1", "public")} {
		if !strings.Contains(strings.Join(got, "\n"), want) {
			t.Errorf("%s is missing in\n%s", want, strings.Join(got, "\n"))
		}
	}
	d.exec("UPDATE t_3 SET s = 'g'")
	d.wants(f, row("-U", "d", 4, "t_3", "public"), row("+U", "g", 4, "t_3", "public"))
}

// TestAddedColumn: a column that the table in the database gets is NULL before, and has its values from then on.
func TestAddedColumn(t *testing.T) {
	d := newDatabase(t, servertest.Postgres(t))
	d.exec("CREATE TABLE t (id INT PRIMARY KEY)", "ALTER TABLE t REPLICA IDENTITY FULL", "CREATE TABLE t_later (id INT PRIMARY KEY, more INT)", "ALTER TABLE t_later REPLICA IDENTITY FULL")
	src := Source(d.sourceOptions(), func(c *Change) (string, error) {
		return fmt.Sprint(c.Op, " ", c.Columns, " ", c.New, " ", c.Old), nil
	})
	f := connecttest.NewDriver(t, src, 1, nil)
	defer f.Close()
	d.exec("INSERT INTO t VALUES (1)")
	first := d.read(f, 1)
	if first[0] != "read [id] [1] []" && first[0] != "insert [id] [1] []" {
		t.Errorf("%v", first)
	}
	d.exec("ALTER TABLE t ADD COLUMN more INT", "INSERT INTO t VALUES (2, 7)", "UPDATE t SET more = 8 WHERE id = 1", "DELETE FROM t WHERE id = 2")
	d.wants(f, "insert [id more] [2 7] []", "update [id more] [1 8] [1 <nil>]", "delete [id more] [] [2 7]")
}

func (d *database) sourceOptions() SourceOptions {
	o := d.options()
	var port int
	fmt.Sscan(o["port"], &port)
	return SourceOptions{Host: o["hostname"], Port: port, User: o["username"], Password: o["password"], Database: d.name, Tables: "t", Slot: d.name}
}

// TestConfirmed: the server is told that the log is not needed before the position of a complete checkpoint, and of no other one; and a job cannot go
// on from a checkpoint before that.
func TestConfirmed(t *testing.T) {
	d := newDatabase(t, servertest.Postgres(t))
	d.exec("CREATE TABLE t (id INT PRIMARY KEY)", "ALTER TABLE t REPLICA IDENTITY FULL", "INSERT INTO t VALUES (1)")
	decode := func(c *Change) (string, error) { return fmt.Sprint(c.New), nil }
	f := connecttest.NewDriver(t, Source(d.sourceOptions(), decode), 1, nil)
	defer f.Close()
	d.wants(f, "[1]")
	early := f.Snapshot()
	slot := func() string {
		return d.query("SELECT confirmed_flush_lsn FROM pg_replication_slots WHERE slot_name = '" + d.name + "'")[0]
	}
	before := slot()
	d.exec("INSERT INTO t VALUES (2)")
	d.wants(f, "[2]")
	f.Snapshot()
	d.exec("INSERT INTO t VALUES (3)")
	d.wants(f, "[3]")
	if slot() != before {
		t.Error("the position of a checkpoint that is not complete is confirmed")
	}
	f.Complete()
	for end := time.Now().Add(20 * time.Second); slot() == before; {
		if time.Now().After(end) {
			t.Fatal("the position of a complete checkpoint is not confirmed")
		}
	}
	late := f.Snapshot()
	f.Close()
	f = connecttest.NewDriver(t, Source(d.sourceOptions(), decode), 1, late)
	d.exec("INSERT INTO t VALUES (4)")
	d.wants(f, "[4]")
	f.Close()
	f = connecttest.NewDriver(t, Source(d.sourceOptions(), decode), 1, early)
	if got, err := f.Read(1); err == nil || !strings.Contains(err.Error(), "behind the checkpoint's") {
		t.Errorf("an early checkpoint goes on: %v, %v", got, err)
	}
	f.Close()
	d.exec("SELECT pg_drop_replication_slot('" + d.name + "')")
	f = connecttest.NewDriver(t, Source(d.sourceOptions(), decode), 1, late)
	defer f.Close()
	if got, err := f.Read(1); err == nil || !strings.Contains(err.Error(), "without which the changes since the checkpoint are lost") {
		t.Errorf("a job without its slot goes on: %v, %v", got, err)
	}
}

func TestErrors(t *testing.T) {
	server := servertest.Postgres(t)
	d := newDatabase(t, server)
	d.exec("CREATE TABLE t (id INT PRIMARY KEY, s TEXT)", "CREATE TABLE bare (id INT)", "ALTER TABLE bare REPLICA IDENTITY FULL", "CREATE TABLE full_ (id INT PRIMARY KEY, n NUMERIC)",
		"ALTER TABLE full_ REPLICA IDENTITY FULL", "INSERT INTO full_ VALUES (1, 'NaN')",
		"SELECT pg_create_logical_replication_slot('"+d.name+"_test', 'test_decoding')", "CREATE USER poor_"+d.name+" PASSWORD 'p'")
	for _, test := range []struct{ schema, key, options, want string }{
		{"id INT", "", "slot.name=", "slot.name"},
		{"id INT", "", "slot.name=Not-One", "'slot.name' is Not-One: it has lower-case letters"},
		{"id INT", "", "table-name=(", "'schema-name' and 'table-name': error parsing regexp"},
		{"id INT", "", "decoding.plugin.name=wal2json", "decoding.plugin.name"},
		{"id INT", "", "scan.incremental.snapshot.enabled=false", "scan.incremental.snapshot.enabled"},
		{"id INT", "", "changelog-mode=upsert", "needs a PRIMARY KEY"},
		{"id INT", "", "password=wrong", "does not let in; see 'database-name', 'username' and 'password'"},
		{"id INT", "", "database-name=nowhere", "does not let in"},
		{"id INT", "", "hostname=127.0.0.1 port=1 connect.timeout=1ms", "which is as long as 'connect.timeout' waits; see 'hostname' and 'port'"},
		{"id INT", "", "", "do not tell rows as they were: ALTER TABLE t REPLICA IDENTITY FULL, or 'changelog-mode' = 'upsert'"},
		{"id INT", "", "table-name=bare", "the table public.bare has no primary key"},
		{"id INT", "", "table-name=nothing", "no table that the publication dbz_publication has matches public.nothing"},
		{"id INT, m INT", "", "table-name=full_", "the table full_ has no column m in the database"},
		{"id STRING", "", "table-name=full_", "the column id of the table public.full_ has another type in the database than STRING here"},
		{"id INT, n DECIMAL(10,2)", "", "table-name=full_", "a change of the table public.full_: the column n: the value is NaN or infinite"},
		{"id INT", "", "scan.startup.mode=committed-offset slot.name=" + d.name + "_none", "which 'scan.startup.mode' = 'committed-offset' goes on from"},
		{"id INT", "", "slot.name=" + d.name + "_test", "is of the plugin test_decoding, and must be of pgoutput"},
		{"id INT", "", "debezium.publication.name=mine username=poor_" + d.name + " password=p", "the user may not make one for all tables"},
		{"id INT", "", "username=poor_" + d.name + " password=p slot.name=" + d.name + "_poor", "cannot be made"},
	} {
		pairs := []string{}
		for o := range strings.FieldsSeq(test.options) {
			k, v, _ := strings.Cut(o, "=")
			pairs = append(pairs, k, v)
		}
		err := func() error {
			s, err := d.source(test.schema, connect.Scan{}, test.key, pairs...)
			if err != nil {
				return err
			}
			f := connecttest.NewDriver(t, s, 1, nil)
			defer f.Close()
			_, err = f.Read(1)
			return err
		}()
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s %s: %v; want %s", test.schema, test.options, err, test.want)
		}
	}
}

// TestDocumentation holds the page to the options that are needed.
func TestDocumentation(t *testing.T) {
	page, err := os.ReadFile("../../docs/connectors/postgres-cdc.md")
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]string{}
	for _, o := range regexp.MustCompile(`(?m)^  '([a-z.-]+)' = '([^']*)'`).FindAllStringSubmatch(string(page), -1) {
		given[o[1]] = o[2]
	}
	if _, err := Table.NewSource(&connect.TableSpec{Name: "orders", Schema: formattest.Schema("id INT, item STRING, price DECIMAL(10, 2)"), PrimaryKey: []string{"id"}, Options: given}); err != nil {
		t.Errorf("the example: %v", err)
	}
	for _, f := range metadata {
		if !strings.Contains(string(page), "`"+f.Name+"`") {
			t.Errorf("the metadata column %s is not there", f.Name)
		}
	}
}

// TestConformance reads the rows of a table with several readers, from any position within a chunk.
func TestConformance(t *testing.T) {
	d := newDatabase(t, servertest.Postgres(t))
	d.exec("CREATE TABLE t (a TEXT, b INT, v INT, PRIMARY KEY (b, a))", "INSERT INTO t SELECT 'a' || i % 3, i / 3, i FROM generate_series(1, 8) AS g(i)")
	o := d.sourceOptions()
	o.ChunkRows = 3
	connecttest.Source(t, func() connect.Source[string] {
		return Source(o, func(c *Change) (string, error) { return fmt.Sprint(c.Op, c.New), nil })
	}, connecttest.Options[string]{Max: 8})
}

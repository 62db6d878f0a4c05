package servertest

import (
	"slices"
	"testing"
)

func TestMain(m *testing.M) { Main(m) }

// TestPostgres: a server that is killed and started again has what was committed.
func TestPostgres(t *testing.T) {
	s := NewPostgres(t)
	name := s.Database(t)
	s.Exec(t, name, "CREATE TABLE t (n INT, s TEXT)", "INSERT INTO t VALUES (1, 'a'), (2, NULL)")
	for range 2 {
		s.Kill()
		s.Start(t)
	}
	if got, want := s.Query(t, name, "SELECT * FROM t ORDER BY n"), []string{"1,a", "2,NULL"}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := s.Query(t, name, "SHOW wal_level"); got[0] != "logical" {
		t.Errorf("wal_level is %s", got)
	}
}

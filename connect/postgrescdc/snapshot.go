package postgrescdc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flott-dev/flott/internal/postgres"
)

// tableInfo is what reading a table in chunks needs to know.
type tableInfo struct {
	relation *relation // the columns that are read
	table    *postgres.Table
	key      []*postgres.Column
	inKey    []int // places of the key among the columns that are read
}

// info describes a table.
func (r *runner) info(ctx context.Context, name string) (*tableInfo, error) {
	if i := r.infos[name]; i != nil {
		return i, nil
	}
	schema, table, _ := strings.Cut(name, ".")
	t, err := postgres.Describe(ctx, r.sql, postgres.Quote(schema)+"."+postgres.Quote(table))
	if errors.Is(err, postgres.ErrNoTable) {
		return nil, permanent{fmt.Errorf("the table %s is not there", name)}
	}
	if err != nil {
		return nil, err
	}
	i := &tableInfo{table: t, relation: &relation{id: t.OID, schema: schema, name: table}}
	for _, k := range t.Key {
		i.key = append(i.key, &t.Columns[k])
	}
	for _, c := range t.Columns {
		isKey := slices.ContainsFunc(i.key, func(k *postgres.Column) bool { return k.Name == c.Name })
		if isKey || r.cfg.columns == nil || slices.Contains(r.cfg.columns, c.Name) {
			i.relation.columns = append(i.relation.columns, relationColumn{c.Name, c.OID, isKey})
		}
	}
	for _, k := range i.key {
		i.inKey = append(i.inKey, i.relation.place(k.Name))
	}
	r.infos[name] = i
	return i, nil
}

// place is where a column is, -1 if it is not there.
func (r *relation) place(name string) int {
	return slices.IndexFunc(r.columns, func(c relationColumn) bool { return c.name == name })
}

// keyOf is the primary key of a tuple.
func (i *tableInfo) keyOf(rel *relation, tuple []byte) ([]string, error) {
	all := values(nil, tuple)
	key := make([]string, len(i.key))
	for n, k := range i.key {
		at := rel.place(k.Name)
		if at < 0 || at >= len(all) || all[at].kind != valueText {
			return nil, permanent{fmt.Errorf("a change of the table %s does not say the primary key; the replica identity of the table must have it", rel)}
		}
		key[n] = string(all[at].text)
	}
	return key, nil
}

// isBehind reports whether a key is behind another one. The database has the last word, but for numbers.
func (r *runner) isBehind(ctx context.Context, i *tableInfo, key, other []string) (bool, error) {
	if err := i.checkKey(other); err != nil {
		return false, err
	}
	if len(i.key) == 1 && i.key[0].IsInteger() {
		a, err1 := strconv.ParseInt(key[0], 10, 64)
		b, err2 := strconv.ParseInt(other[0], 10, 64)
		return a > b, errors.Join(err1, err2)
	}
	var left, right []string
	for n, k := range i.key {
		left = append(left, k.Key(fmt.Sprint("$", n+1)))
		right = append(right, k.Key(fmt.Sprint("$", len(i.key)+n+1)))
	}
	rows, err := postgres.Texts(ctx, r.sql, "SELECT ("+strings.Join(left, ", ")+") > ("+strings.Join(right, ", ")+")", slices.Concat(key, other)...)
	if err != nil {
		return false, err
	}
	return rows[0][0] == "t", nil
}

// checkKey wants a key of a row that was read to be one of the primary key as it is now.
func (i *tableInfo) checkKey(key []string) error {
	if len(key) != len(i.key) {
		return permanent{fmt.Errorf("the primary key of the table %s has changed while it was read", i.relation)}
	}
	return nil
}

// snapshot begins a transaction whose snapshot has all transactions that were read from the log. One may not be visible for a moment after it
// is in the log.
func (r *runner) snapshot(ctx context.Context) (text string, until uint64, err error) {
	for {
		if _, err := r.sql.Exec(ctx, "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").ReadAll(); err != nil {
			return "", 0, err
		}
		rows, err := postgres.Texts(ctx, r.sql, "SELECT pg_current_snapshot(), pg_current_wal_insert_lsn()")
		if err != nil {
			return "", 0, err
		}
		s, err := parseSnapshot(rows[0][0])
		if err != nil {
			return "", 0, err
		}
		seesAll := true
		var rest []uint32 // no other snapshot may have them
		for _, xid := range r.st.Streamed {
			if s.full(xid) >= s.xmin {
				rest = append(rest, xid)
				seesAll = seesAll && s.sees(xid)
			}
		}
		r.st.Streamed = rest
		if seesAll {
			r.seen = s
			until, err := parseLSN(rows[0][1])
			return rows[0][0], until, err
		}
		if err := r.commitRead(ctx); err != nil {
			return "", 0, err
		}
		if err := sleep(ctx, time.Millisecond); err != nil {
			return "", 0, err
		}
	}
}

func (r *runner) commitRead(ctx context.Context) error {
	_, err := r.sql.Exec(ctx, "COMMIT").ReadAll()
	return err
}

// mark writes a message to the log, so that the log comes behind the chunk also if nothing else happens.
func (r *runner) mark(ctx context.Context) error {
	r.marked = time.Now()
	_, err := postgres.Texts(ctx, r.sql, "SELECT pg_logical_emit_message(true, 'flott', '')")
	if postgres.Code(err) == "42501" {
		return nil // others write to the log, too
	}
	return err
}

// readChunk reads the next rows of a table.
func (r *runner) readChunk(ctx context.Context, name string) error {
	info, err := r.info(ctx, name)
	if err != nil {
		return err
	}
	text, until, err := r.snapshot(ctx)
	if err != nil {
		return err
	}
	if err := r.flush(ctx); err != nil {
		return err
	}
	low := r.st.Tables[name].After
	r.st.Chunk = &chunk{Table: name, Low: low, Snapshot: text, Until: until}
	n, err := r.readRows(ctx, info, name, low)
	if err != nil {
		return err
	}
	if n < r.cfg.ChunkRows {
		r.st.Tables[name] = tableState{Done: true}
		r.plan()
	}
	if err := r.commitRead(ctx); err != nil {
		return err
	}
	if err := r.flush(ctx); err != nil {
		return err
	}
	return r.mark(ctx)
}

// plan finds out what is to be read next.
func (r *runner) plan() {
	r.isDirty = true
	if r.todo = r.st.next(); r.todo == "" {
		r.st.Streamed = nil
	}
}

// readRows adds the rows of a chunk, and returns how many there are.
func (r *runner) readRows(ctx context.Context, info *tableInfo, name string, low []string) (n int, err error) {
	if low != nil {
		if err := info.checkKey(low); err != nil {
			return 0, err
		}
	}
	var read, keys, bounds []string
	for _, c := range info.relation.columns {
		read = append(read, postgres.Quote(c.name))
	}
	params := make([][]byte, len(low))
	for i, k := range info.key {
		keys = append(keys, postgres.Quote(k.Name))
		if low != nil {
			bounds, params[i] = append(bounds, k.Key(fmt.Sprint("$", i+1))), []byte(low[i])
		}
	}
	text := "SELECT " + strings.Join(read, ", ") + " FROM " + info.table.Name
	if low != nil {
		text += " WHERE (" + strings.Join(keys, ", ") + ") > (" + strings.Join(bounds, ", ") + ")"
	}
	text += fmt.Sprintf(" ORDER BY %s LIMIT %d", strings.Join(keys, ", "), r.cfg.ChunkRows)
	result := r.sql.ExecParams(ctx, text, params, nil, nil, nil)
	for ; result.NextRow(); n++ {
		all := result.Values()
		if r.open == nil {
			r.start(name)
			r.open.key = info.inKey
		}
		size := 2
		for _, v := range all {
			size += 5 + len(v)
		}
		r.open.room(size)
		from := len(r.open.memory)
		r.open.memory = appendTuple(r.open.memory, all)
		r.open.changes = append(r.open.changes, change{relation: info.relation, kind: kindInsert, new: r.open.memory[from:]})
		key := make([]string, len(info.key))
		for i, at := range info.inKey {
			key[i] = string(all[at])
		}
		r.st.Tables[name] = tableState{After: key}
		if len(r.open.changes) == batchRows {
			if err := r.flush(ctx); err != nil {
				_, _ = result.Close()
				return n, err
			}
		}
	}
	_, err = result.Close()
	return n, err
}

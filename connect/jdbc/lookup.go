package jdbc

import (
	"fmt"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/row"
)

// NewLookup looks rows up by the values of columns. Each Lookup has a connection of its own.
func (s *tableSource) NewLookup(scan connect.LookupScan) (func(ctx connect.ReaderContext) (connect.Lookup, error), error) {
	fields := func(places []int) (all []row.Field) {
		for _, p := range places {
			all = append(all, s.spec.Schema.Fields[p])
		}
		return all
	}
	keys, wanted := fields(scan.Keys), fields(scan.Project)
	return func(ctx connect.ReaderContext) (connect.Lookup, error) {
		link, err := newLink(&s.connection)
		if err != nil {
			return nil, err
		}
		l := &lookup{ctx: ctx, link: link, table: s.tableName, keys: keys, wanted: wanted}
		if err := link.do(ctx.Context, readRetries, l.prepare); err != nil {
			link.close()
			return nil, err
		}
		return l, nil
	}, nil
}

// lookup looks rows up one key after the other.
type lookup struct {
	ctx          connect.ReaderContext
	link         *link
	table        string
	keys, wanted []row.Field
	session      session // of looker
	looker       looker
}

// prepare prepares the statement of a session.
func (l *lookup) prepare(s session) (err error) {
	if l.session == s && l.looker != nil {
		return nil
	}
	l.looker, err = s.lookup(l.ctx.Context, l.table, l.keys, l.wanted)
	l.session = s
	return err
}

// Lookup appends the rows of a key. It is tried once, and again as 'lookup.max-retries' says, which who calls it does.
func (l *lookup) Lookup(keys []*column.Vector, place int, out []*column.Vector) (n int, err error) {
	for _, v := range keys {
		if v.IsNull(place) {
			return 0, nil
		}
	}
	before := make([]int, len(out))
	for i, v := range out {
		before[i] = v.N
	}
	err = l.link.do(l.ctx.Context, 0, func(s session) error {
		if err := l.prepare(s); err != nil {
			return err
		}
		n, err = l.looker.look(l.ctx.Context, keys, place, out)
		return err
	})
	if err != nil {
		for i, v := range out {
			v.Truncate(before[i])
		}
		return 0, fmt.Errorf("look up in table %s: %w", l.table, err)
	}
	return n, nil
}

// Close disconnects.
func (l *lookup) Close() error {
	l.link.close()
	return nil
}

package jdbc

import (
	"context"
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
		l := &tableLookup{ctx, lookup{link: link, table: s.tableName, keys: keys, wanted: wanted}}
		err = link.do(ctx.Context, readRetries, func(s session) error { return l.prepare(ctx.Context, s) })
		if err != nil {
			link.close()
			return nil, err
		}
		return l, nil
	}, nil
}

// tableLookup looks rows up for a join.
type tableLookup struct {
	ctx connect.ReaderContext
	lookup
}

// Lookup appends the rows of a key. It is tried once, and again as 'lookup.max-retries' says, which who calls it does.
func (l *tableLookup) Lookup(keys []*column.Vector, place int, out []*column.Vector) (n int, err error) {
	return l.look(l.ctx.Context, 0, keys, place, out)
}

// Close disconnects.
func (l *tableLookup) Close() error {
	l.link.close()
	return nil
}

// lookup looks rows up one key after the other.
type lookup struct {
	link         *link
	table        string
	keys, wanted []row.Field
	session      session // of looker
	looker       looker
}

// prepare prepares the statement of a session.
func (l *lookup) prepare(ctx context.Context, s session) (err error) {
	if l.session == s && l.looker != nil {
		return nil
	}
	l.looker, err = s.lookup(ctx, l.table, l.keys, l.wanted)
	l.session = s
	return err
}

// look appends the rows of a key, and tries again what fails for a cause that may pass.
func (l *lookup) look(ctx context.Context, retries int, keys []*column.Vector, place int, out []*column.Vector) (n int, err error) {
	for _, v := range keys {
		if v.IsNull(place) {
			return 0, nil
		}
	}
	before := make([]int, len(out))
	for i, v := range out {
		before[i] = v.N
	}
	takeBack := func() {
		for i, v := range out {
			v.Truncate(before[i])
		}
	}
	err = l.link.do(ctx, retries, func(s session) error {
		takeBack() // of an attempt before
		if err := l.prepare(ctx, s); err != nil {
			return err
		}
		n, err = l.looker.look(ctx, keys, place, out)
		return err
	})
	if err != nil {
		takeBack()
		return 0, fmt.Errorf("look up in table %s: %w", l.table, err)
	}
	return n, nil
}

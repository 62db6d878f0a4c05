package postgrescdc

import (
	"context"
	"fmt"
	"log/slog"
)

// message processes a message of the log.
func (r *runner) message(ctx context.Context, b []byte) (err error) {
	if len(b) == 0 {
		return errMessage
	}
	kind, b := b[0], b[1:]
	switch kind {
	case kindBegin:
		r.isInTx, r.count = true, 0
		r.tx, err = parseBegin(b)
	case kindCommit:
		return r.commit(b)
	case kindRelation:
		return r.relation(ctx, b)
	case kindInsert, kindUpdate, kindDelete:
		return r.change(ctx, kind, b)
	case kindTruncate:
		return r.truncate(b)
	}
	return err
}

func (r *runner) commit(b []byte) error {
	end, err := parseCommit(b)
	if err != nil {
		return err
	}
	r.isInTx, r.resume = false, 0
	r.st.LSN, r.st.Skip, r.isDirty = end, 0, true
	if r.todo != "" {
		r.st.Streamed = append(r.st.Streamed, r.tx.xid)
	}
	r.reached()
	return nil
}

// relation keeps what a table looks like from now on. One that is new is read in chunks, unless only changes are wanted.
func (r *runner) relation(ctx context.Context, b []byte) error {
	rel, err := parseRelation(b)
	if err != nil {
		return err
	}
	r.relations[rel.id] = rel
	name := rel.String()
	if !r.cfg.wants(rel.schema, rel.name) {
		return nil
	}
	delete(r.infos, name)
	if err := r.check(rel); err != nil {
		return permanent{err}
	}
	if _, ok := r.st.Tables[name]; ok {
		return nil
	}
	slog.InfoContext(ctx, "flott: postgrescdc: there is a new table", "table", name)
	return r.addTable(ctx, name)
}

// change adds a change of a row, unless the rows that were read in chunks have it, or will have it.
func (r *runner) change(ctx context.Context, kind byte, b []byte) error {
	if r.count++; r.count <= r.resume {
		return nil
	}
	r.st.Skip = r.count
	m, err := parseChange(kind, b)
	if err != nil {
		return err
	}
	rel := r.relations[m.relation]
	if rel == nil {
		return fmt.Errorf("%w: a change of the unknown table %d", errMessage, m.relation)
	}
	if !r.cfg.wants(rel.schema, rel.name) {
		return nil
	}
	if !r.cfg.Upsert {
		if kind, err = r.filter(ctx, rel, kind, &m); kind == 0 || err != nil {
			return err
		}
	}
	return r.add(ctx, change{
		relation: rel, kind: kind, oldKind: m.oldKind, old: m.old, new: m.new, micros: r.tx.time.UnixMicro(), lsn: r.st.LSN, skip: r.st.Skip,
	})
}

// add adds a change of the log, whose tuples are copied. The state of a new batch is that before it.
func (r *runner) add(ctx context.Context, c change) error {
	if r.open == nil {
		r.st.Skip = c.skip - 1
		r.start("")
		r.st.Skip = c.skip
	}
	c.old, c.new = r.open.keep(c.old), r.open.keep(c.new)
	r.open.changes = append(r.open.changes, c)
	if len(r.open.changes) < batchRows {
		return nil
	}
	return r.flush(ctx)
}

// filter is what a change is with regard to the rows that were read in chunks: 0 if it is none.
//
//	not read yet         the chunk that reads the row will have the change
//	in the last chunk    whether the change was in its snapshot is known
//	read before that     the change is new
func (r *runner) filter(ctx context.Context, rel *relation, kind byte, m *rowChange) (byte, error) {
	name := rel.String()
	table := r.st.Tables[name]
	isLast := r.st.Chunk != nil && r.st.Chunk.Table == name
	if table.Done && !isLast {
		return kind, nil
	}
	info, err := r.info(ctx, name)
	if err != nil {
		return 0, err
	}
	keeps := func(tuple []byte) (bool, error) {
		key, err := info.keyOf(rel, tuple)
		if err != nil {
			return false, err
		}
		if !table.Done {
			isRead := false
			if table.After != nil {
				behind, err := r.isBehind(ctx, info, key, table.After)
				if err != nil {
					return false, err
				}
				isRead = !behind
			}
			if !isRead {
				return false, nil
			}
		}
		if !isLast {
			return true, nil
		}
		if r.st.Chunk.Low != nil {
			if inChunk, err := r.isBehind(ctx, info, key, r.st.Chunk.Low); err != nil || !inChunk {
				return true, err
			}
		}
		return r.tx.commit >= r.st.Chunk.Until || !r.seen.sees(r.tx.xid), nil
	}
	hasOld, hasNew := kind != kindInsert, kind != kindDelete
	if kind == kindUpdate && m.old == nil { // the key is the same
		hasNew, err = keeps(m.new)
		if !hasNew || err != nil {
			return 0, err
		}
		return kind, nil
	}
	if hasOld {
		if hasOld, err = keeps(m.old); err != nil {
			return 0, err
		}
	}
	if hasNew {
		if hasNew, err = keeps(m.new); err != nil {
			return 0, err
		}
	}
	switch {
	case hasOld && hasNew:
		return kindUpdate, nil
	case hasNew:
		return kindInsert, nil
	case hasOld:
		m.new = nil
		return kindDelete, nil
	}
	return 0, nil
}

// truncate warns of a table that was emptied: its rows are not told.
func (r *runner) truncate(b []byte) error {
	c := cursor{b: b}
	n := c.uint(4)
	c.byte()
	for range n {
		if rel := r.relations[uint32(c.uint(4))]; !c.broken && rel != nil && r.cfg.wants(rel.schema, rel.name) {
			slog.Warn("flott: postgrescdc: a table was truncated; no deletions are told of its rows", "table", rel.String())
		}
	}
	return c.err()
}

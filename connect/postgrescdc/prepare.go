package postgrescdc

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/flott-dev/flott/internal/postgres"
)

// wants reports whether a table is one of those that are read.
func (c *config) wants(schema, table string) bool {
	return c.schemas.MatchString(schema) && c.tables.MatchString(table)
}

func quoteText(s string) string { return strings.ReplaceAll(s, "'", "''") }

// prepare makes what is missing in the database, and finds the tables.
func (r *runner) prepare(ctx context.Context) error {
	rows, err := postgres.Texts(ctx, r.sql, "SELECT current_setting('wal_level')")
	if err != nil {
		return err
	}
	if level := rows[0][0]; level != "logical" {
		return permanent{fmt.Errorf("its wal_level is %s: it needs wal_level = logical, and a restart", level)}
	}
	if err := r.publication(ctx); err != nil { // before the slot: changes from before it was there cannot be decoded
		return err
	}
	if err := r.slot(ctx); err != nil {
		return err
	}
	return r.findTables(ctx)
}

// publication makes the publication if it is not there.
func (r *runner) publication(ctx context.Context) error {
	rows, err := postgres.Texts(ctx, r.sql, "SELECT 1 FROM pg_catalog.pg_publication WHERE pubname = $1", r.cfg.Publication)
	if err != nil || len(rows) > 0 {
		return err
	}
	_, err = r.sql.Exec(ctx, "CREATE PUBLICATION "+postgres.Quote(r.cfg.Publication)+" FOR ALL TABLES").ReadAll()
	switch postgres.Code(err) {
	case "42501":
		return permanent{fmt.Errorf("there is no publication %s ('debezium.publication.name'), and the user may not make one for all tables: CREATE PUBLICATION … FOR TABLE … makes it: %w",
			r.cfg.Publication, err)}
	case "42710": // another one was faster
		return nil
	}
	return err
}

// slot makes the slot if it is not there, and checks that it has what is needed.
func (r *runner) slot(ctx context.Context) error {
	rows, err := postgres.Texts(ctx, r.sql, `SELECT plugin, coalesce(database, ''), coalesce(confirmed_flush_lsn::text, '0/0'), coalesce(wal_status, ''), pg_current_wal_insert_lsn()
FROM pg_catalog.pg_replication_slots WHERE slot_name = $1`, r.cfg.Slot)
	if err != nil {
		return err
	}
	isNew := r.st.LSN == 0
	if len(rows) == 0 {
		switch {
		case !isNew:
			return permanent{fmt.Errorf("there is no slot %s any more, without which the changes since the checkpoint are lost: start the job anew ('slot.name')", r.cfg.Slot)}
		case r.cfg.Startup == Committed:
			return permanent{fmt.Errorf("there is no slot %s, which 'scan.startup.mode' = 'committed-offset' goes on from", r.cfg.Slot)}
		}
		rows, err := postgres.Texts(ctx, r.sql, "SELECT lsn FROM pg_create_logical_replication_slot($1, 'pgoutput')", r.cfg.Slot)
		if postgres.Code(err) == "42501" || postgres.Code(err) == "53400" {
			return permanent{fmt.Errorf("the slot %s cannot be made: %w", r.cfg.Slot, err)}
		}
		if err != nil {
			return err
		}
		r.st.LSN, err = parseLSN(rows[0][0])
		return err
	}
	plugin, database, confirmed, status, now := rows[0][0], rows[0][1], rows[0][2], rows[0][3], rows[0][4]
	switch {
	case plugin != "pgoutput":
		return permanent{fmt.Errorf("the slot %s is of the plugin %s, and must be of pgoutput ('slot.name')", r.cfg.Slot, plugin)}
	case database != r.cfg.Database:
		return permanent{fmt.Errorf("the slot %s is of the database %s ('slot.name')", r.cfg.Slot, database)}
	case status == "lost":
		return permanent{fmt.Errorf("the slot %s has lost changes, as max_slot_wal_keep_size was too small: drop it, and start the job anew", r.cfg.Slot)}
	}
	at, err := parseLSN(confirmed)
	switch {
	case err != nil:
		return err
	case !isNew && at > r.st.LSN:
		return permanent{fmt.Errorf("the slot %s is at %s, behind the checkpoint's %s: the changes between them are gone, as a later checkpoint has confirmed them, or another job; restore that one",
			r.cfg.Slot, confirmed, lsnText(r.st.LSN))}
	case isNew && r.cfg.Startup == Latest:
		r.st.LSN, err = parseLSN(now)
	case isNew:
		r.st.LSN = at
	}
	return err
}

// findTables adds the tables that are not known yet.
func (r *runner) findTables(ctx context.Context) error {
	rows, err := postgres.Texts(ctx, r.sql, "SELECT schemaname, tablename FROM pg_catalog.pg_publication_tables WHERE pubname = $1", r.cfg.Publication)
	if err != nil {
		return err
	}
	isFirst := len(r.st.Tables) == 0
	r.plan()
	for _, t := range rows {
		if !r.cfg.wants(t[0], t[1]) {
			continue
		}
		name := t[0] + "." + t[1]
		if _, ok := r.st.Tables[name]; ok {
			continue
		}
		if err := r.addTable(ctx, name); err != nil {
			return err
		}
	}
	if isFirst && len(r.st.Tables) == 0 {
		return permanent{fmt.Errorf("no table that the publication %s has matches %s.%s ('schema-name', 'table-name')", r.cfg.Publication, r.cfg.Schemas, r.cfg.Tables)}
	}
	return nil
}

// addTable adds a table that was not known.
func (r *runner) addTable(ctx context.Context, name string) error {
	info, err := r.info(ctx, name)
	if err != nil {
		return err
	}
	var errs []error
	rows, err := postgres.Texts(ctx, r.sql, "SELECT relreplident::text FROM pg_catalog.pg_class WHERE oid = $1::oid", fmt.Sprint(info.table.OID))
	if err != nil {
		return err
	}
	if r.cfg.needsOld && len(rows) > 0 && rows[0][0] != "f" {
		errs = append(errs, fmt.Errorf("updates and deletions of the table %s do not tell rows as they were: ALTER TABLE %s REPLICA IDENTITY FULL, or 'changelog-mode' = 'upsert'", name, info.table.Name))
	}
	reads := r.cfg.Startup == Initial
	if reads && len(info.key) == 0 {
		errs = append(errs, fmt.Errorf("the table %s has no primary key, by which it is read in chunks; 'scan.startup.mode' = 'latest-offset' reads changes only", name))
	}
	for _, c := range r.cfg.columns {
		if _, err := info.table.Column(c); err != nil {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(append(errs, r.check(info.relation))...); err != nil {
		return permanent{err}
	}
	r.st.Tables[name] = tableState{Done: !reads}
	r.plan()
	slog.DebugContext(ctx, "flott: postgrescdc: a table is read", "table", name)
	return nil
}

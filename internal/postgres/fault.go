package postgres

import (
	"errors"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
)

// Refused says that the server does not let the user in, or that there is no such database: waiting does not help.
func Refused(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && (strings.HasPrefix(pg.Code, "28") || pg.Code == "3D000" || pg.Code == "42501")
}

// Passes reports whether what failed may go well when it is tried again, on another connection: the connection is gone, the
// server is away or does not take connections now, or a transaction stood in another one's way.
func Passes(err error) bool {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) {
		return true // it is not the server's: the connection's
	}
	switch pg.Code {
	case "40001", "40P01", "55P03", "57014":
		return true
	}
	// Classes: connections, resources, shutdown, the system.
	class := pg.Code[:min(2, len(pg.Code))]
	return class == "08" || class == "53" || class == "57" || class == "58"
}

// Code is the code of an error of the server, "" of others.
func Code(err error) string {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return pg.Code
	}
	return ""
}

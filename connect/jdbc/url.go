package jdbc

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// The drivers that 'driver' names, by what the URL of their database begins with.
var drivers = map[string]string{"postgres": "org.postgresql.Driver", "sqlite": "org.sqlite.JDBC"}

// properties are those of the Java driver of PostgreSQL that have an effect, by their names here.
var properties = map[string]string{
	"user": "user", "password": "password", "sslmode": "sslmode", "sslrootcert": "sslrootcert", "sslcert": "sslcert", "sslkey": "sslkey",
	"connectTimeout": "connect_timeout", "ApplicationName": "application_name", "currentSchema": "search_path", "options": "options",
}

// dialect is the database that a connection means.
func (c *Connection) dialect() (dialect, error) {
	text, isJDBC := strings.CutPrefix(c.URL, "jdbc:")
	scheme, rest, _ := strings.Cut(text, ":")
	switch scheme {
	case "postgresql", "postgres":
		u, err := url.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("'url': %w", hidden(err, c.URL))
		}
		if isJDBC {
			if err := renameProperties(u); err != nil {
				return nil, err
			}
		}
		if c.User != "" {
			u.User = url.UserPassword(c.User, c.Password)
		}
		return newPostgres(u)
	case "sqlite":
		return newSQLite(strings.TrimPrefix(rest, "//"))
	}
	return nil, fmt.Errorf("'url' is not jdbc:postgresql://host:port/database, postgres://host:port/database or jdbc:sqlite:path")
}

// hidden is an error without the URL, which may have a password.
func hidden(err error, secret string) error {
	return fmt.Errorf("%s", strings.ReplaceAll(strings.ReplaceAll(err.Error(), secret, "…"), strings.TrimPrefix(secret, "jdbc:"), "…"))
}

// renameProperties gives properties of the Java driver the names that they have here.
func renameProperties(u *url.URL) error {
	named := url.Values{}
	for name, values := range u.Query() {
		if name == "ssl" {
			name = "sslmode"
			values = []string{map[string]string{"true": "verify-full", "": "verify-full", "false": "disable"}[values[0]]}
		}
		to, ok := properties[name]
		if !ok {
			return fmt.Errorf("'url' has the property %s; those that have an effect are ssl, %s", name,
				strings.Join(slices.Sorted(maps.Keys(properties)), ", "))
		}
		named[to] = values
	}
	u.RawQuery = named.Encode()
	return nil
}

// checkDriver checks what 'driver' says.
func checkDriver(driver string, d dialect) error {
	if want := drivers[d.name()]; driver != "" && driver != want {
		return fmt.Errorf("'driver' is %s: of this 'url' it is %s, or is left out", driver, want)
	}
	return nil
}

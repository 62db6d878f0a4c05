package sql

import (
	"fmt"
	"math"
	"strings"

	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/sql/internal/catalog"
	"github.com/flott-dev/flott/sql/internal/exec"
)

// The options of a table about how its rows are looked up. They are not the connector's.
var (
	lookupCache = config.Enum(config.Doc{
		Key: lookupPrefix + "cache", Default: "NONE", Text: "PARTIAL keeps what was looked up, NONE looks up each time.",
	}, nil, "NONE", "PARTIAL")
	lookupMaxRows = config.Int(config.Doc{
		Key: lookupPrefix + "partial-cache.max-rows", Text: "How many rows each subtask keeps; without it any number.",
	}, 1, math.MaxInt)
	lookupAfterWrite = config.Duration(config.Doc{
		Key: lookupPrefix + "partial-cache.expire-after-write", Text: "How long what was looked up is kept; without it for ever.",
	})
	lookupAfterAccess = config.Duration(config.Doc{
		Key: lookupPrefix + "partial-cache.expire-after-access", Text: "How long it is kept when it is not used; without it for ever.",
	})
	lookupMissing = config.Bool(config.Doc{
		Key: lookupPrefix + "partial-cache.cache-missing-key", Default: "true", Text: "Whether it is kept that a key has no rows.",
	})
	lookupRetries = config.Int(config.Doc{
		Key: lookupPrefix + "max-retries", Default: "3", Text: "How often a lookup that fails is tried again.",
	}, 0, math.MaxInt)
	lookupOptions = config.Set{lookupCache, lookupMaxRows, lookupAfterWrite, lookupAfterAccess, lookupMissing, lookupRetries}
)

const lookupPrefix = "lookup."

// lookupConfig is what the options of a table say of how its rows are looked up.
func lookupConfig(t *catalog.Table, options map[string]string) (o exec.LookupOptions, given bool, err error) {
	texts := map[string]string{}
	for k, v := range options {
		if strings.HasPrefix(k, lookupPrefix) {
			texts[k] = v
		}
	}
	c, err := lookupOptions.Parse(texts, "")
	if err != nil {
		return o, false, fmt.Errorf("table %s: %w", t.Path.Object, err)
	}
	o = exec.LookupOptions{Cache: lookupCache.Get(c) == "PARTIAL", Missing: lookupMissing.Get(c), Retries: lookupRetries.Get(c)}
	o.MaxRows, _ = lookupMaxRows.Lookup(c)
	o.AfterWrite, _ = lookupAfterWrite.Lookup(c)
	o.AfterAccess, _ = lookupAfterAccess.Lookup(c)
	return o, len(texts) > 0, nil
}

// lookup makes a lookup of a table's rows; nil where its connector cannot.
func (s *Session) lookup(t *catalog.Table, options map[string]string, keys, project []int) (
	l func(connect.ReaderContext) (connect.Lookup, error), o exec.LookupOptions, err error,
) {
	if t.Rows != nil {
		return nil, o, nil
	}
	src, err := s.source(t, options)
	if err != nil {
		return nil, o, err
	}
	from, ok := src.(connect.LookupTable)
	if !ok {
		return nil, o, nil
	}
	if o, _, err = lookupConfig(t, options); err != nil {
		return nil, o, err
	}
	l, err = from.NewLookup(connect.LookupScan{Keys: keys, Project: project})
	return l, o, err
}

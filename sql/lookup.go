package sql

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/sql/internal/catalog"
	"github.com/flott-dev/flott/sql/internal/exec"
)

// The options of a table about how its rows are looked up. They are not the connector's.
var (
	lookupCache = config.Enum(config.Doc{
		Key: lookupPrefix + "cache", Default: "NONE", Text: "PARTIAL keeps what was looked up, FULL the whole table, NONE looks up each time.",
	}, nil, "NONE", "PARTIAL", "FULL")
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
	lookupReload = config.Enum(config.Doc{
		Key: lookupPrefix + "full-cache.reload-strategy", Default: "PERIODIC", Text: "PERIODIC reads the whole table again after an interval, TIMED at a time of day.",
	}, nil, "PERIODIC", "TIMED")
	lookupInterval = config.Duration(config.Doc{
		Key: lookupPrefix + "full-cache.periodic-reload.interval", Text: "The time between two reloads with PERIODIC.",
	})
	lookupSchedule = config.Enum(config.Doc{
		Key: lookupPrefix + "full-cache.periodic-reload.schedule-mode", Default: "FIXED_DELAY",
		Text: "FIXED_DELAY counts the interval from the end of a reload to the start of the next one, FIXED_RATE from start to start.",
	}, nil, "FIXED_DELAY", "FIXED_RATE")
	lookupTime = config.Text(config.Doc{
		Key: lookupPrefix + "full-cache.timed-reload.iso-time", Text: "When TIMED reads the table again: 10:15 in the session's time zone, or 10:15Z, 10:15+07:00.",
	})
	lookupDays = config.Int(config.Doc{
		Key: lookupPrefix + "full-cache.timed-reload.interval-in-days", Default: "1", Text: "How many days lie between two reloads with TIMED.",
	}, 1, math.MaxInt32)
	lookupOptions = config.Set{
		lookupCache, lookupMaxRows, lookupAfterWrite, lookupAfterAccess, lookupMissing, lookupRetries, lookupReload, lookupInterval, lookupSchedule,
		lookupTime, lookupDays,
	}
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
	if lookupCache.Get(c) == "FULL" {
		if o.Full, err = lookupFull(c); err != nil {
			return o, false, fmt.Errorf("table %s: %w", t.Path.Object, err)
		}
	}
	return o, len(texts) > 0, nil
}

// lookupFull is when a whole table is read again.
func lookupFull(c *config.Configuration) (f exec.LookupFull, err error) {
	if lookupReload.Get(c) == "PERIODIC" {
		var ok bool
		if f.Interval, ok = lookupInterval.Lookup(c); !ok || f.Interval <= 0 {
			return f, fmt.Errorf("'lookup.cache' = 'FULL' needs '%s', such as '10 min', or '%s' = 'TIMED'", lookupInterval.Key, lookupReload.Key)
		}
		f.Reload = exec.LookupReload(lookupSchedule.Get(c))
		return f, nil
	}
	text, _ := lookupTime.Lookup(c)
	f.Reload, f.Days = exec.ReloadTimed, lookupDays.Get(c)
	for _, layout := range []string{"15:04", "15:04:05", "15:04Z07:00", "15:04:05Z07:00"} {
		t, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		f.TimeOfDay = time.Duration(t.Hour())*time.Hour + time.Duration(t.Minute())*time.Minute + time.Duration(t.Second())*time.Second + time.Duration(t.Nanosecond())
		if f.HasOffset = strings.HasSuffix(layout, "Z07:00"); f.HasOffset {
			_, f.OffsetSeconds = t.Zone()
		}
		return f, nil
	}
	return f, fmt.Errorf("'%s' = 'TIMED' needs '%s', such as '10:15', '10:15Z' or '10:15+07:00', and has '%s'", lookupReload.Key, lookupTime.Key, text)
}

// canLookUp reports whether a connector looks rows up.
func canLookUp(src connect.TableSource) bool {
	_, ok := src.(connect.LookupTable)
	if !ok {
		_, ok = src.(connect.AsyncLookupTable)
	}
	return ok
}

// looksUp reports whether a table's rows can be looked up.
func (s *Session) looksUp(t *catalog.Table, options map[string]string) (bool, error) {
	if t.Rows != nil {
		return false, nil
	}
	src, err := s.source(t, options)
	if err != nil {
		return false, err
	}
	o, _, err := lookupConfig(t, options)
	return canLookUp(src) || o.Full.Reload != exec.ReloadNever, err
}

// lookup finds the ways in which a table's rows are looked up; there is none where its connector cannot.
func (s *Session) lookup(t *catalog.Table, options map[string]string, keys, project []int) (l exec.Lookups, o exec.LookupOptions, err error) {
	if t.Rows != nil {
		return l, o, nil
	}
	src, err := s.source(t, options)
	if err != nil {
		return l, o, err
	}
	if o, _, err = lookupConfig(t, options); err != nil {
		return l, o, err
	}
	if o.Full.Reload != exec.ReloadNever {
		l.Scan, err = scanForLookup(src, keys, project)
		return l, o, err
	}
	scan := connect.LookupScan{Keys: keys, Project: project}
	if from, ok := src.(connect.LookupTable); ok {
		if l.New, err = from.NewLookup(scan); err != nil {
			return l, o, err
		}
	}
	if from, ok := src.(connect.AsyncLookupTable); ok {
		l.NewAsync, err = from.NewAsyncLookup(scan)
	}
	return l, o, err
}

// scanForLookup makes a source of some columns of a table, each once.
func scanForLookup(src connect.TableSource, keys, project []int) (func() (connect.ColumnSource, []int, []int), error) {
	var scan connect.Scan
	placesOf := func(columns []int) []int {
		places := make([]int, len(columns))
		for i, c := range columns {
			if places[i] = slices.Index(scan.Project, c); places[i] < 0 {
				places[i] = len(scan.Project)
				scan.Project = append(scan.Project, c)
			}
		}
		return places
	}
	keys, project = placesOf(keys), placesOf(project)
	source, err := src.Scan(scan)
	return func() (connect.ColumnSource, []int, []int) { return source, keys, project }, err
}

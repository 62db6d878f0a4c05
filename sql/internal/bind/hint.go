package bind

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/logical"
)

// joinHints say how to join, where an engine has several ways.
var joinHints = []string{"BROADCAST", "SHUFFLE_HASH", "SHUFFLE_MERGE", "NEST_LOOP"}

// lookupOptions are those of LOOKUP, each with what checks its value.
var lookupOptions = map[string]func(value string) bool{
	"table": func(v string) bool { return v != "" }, "async": isBool, "output-mode": oneOf("ordered", "allow_unordered"), "capacity": isCount,
	"timeout": isDuration, "retry-predicate": oneOf("lookup_miss"), "retry-strategy": oneOf("fixed_delay"), "fixed-delay": isDuration,
	"max-attempts": isCount, "shuffle": isBool,
}

// retryOptions of LOOKUP go together.
var retryOptions = []string{"retry-predicate", "retry-strategy", "fixed-delay", "max-attempts"}

func isBool(v string) bool { return strings.EqualFold(v, "true") || strings.EqualFold(v, "false") }

func isCount(v string) bool {
	n, err := strconv.Atoi(v)
	return err == nil && n > 0
}

func isDuration(v string) bool {
	_, err := config.ParseDuration(v)
	return err == nil
}

func oneOf(words ...string) func(string) bool {
	return func(v string) bool { return slices.Contains(words, strings.ToLower(v)) }
}

// hints are those of a SELECT.
type hints struct {
	ttl map[string]time.Duration // by the names of tables
	// joins are hints about joins, by what they say.
	joins   map[string][]string
	lookups map[string]*logical.LookupHint
}

// hintsOf checks the hints of a SELECT, and finds out what they say of its tables.
func hintsOf(s *ast.Select) *hints {
	h := &hints{ttl: map[string]time.Duration{}, joins: map[string][]string{}, lookups: map[string]*logical.LookupHint{}}
	names := tableNames(s.From)
	for _, x := range s.Hints {
		name := strings.ToUpper(x.Name)
		switch {
		case slices.Contains(joinHints, name):
			if len(x.Args) == 0 || len(x.Options) > 0 {
				failHint(x.Span, "write "+name+"(table)", "the hint %s names at least one table of FROM", name)
			}
			for _, t := range x.Args {
				checkTable(x, t, names)
				h.joins[t] = append(h.joins[t], name)
			}
		case name == "STATE_TTL":
			h.stateTTL(x, names)
		case name == "LOOKUP":
			h.lookup(x, names)
		case name == "OPTIONS":
			failHint(x.Span, "write FROM t /*+ OPTIONS(…) */", "the hint OPTIONS stands behind a table")
		default:
			checkHint(x)
		}
	}
	return h
}

// checkHint refuses a hint that there is not.
func checkHint(x ast.Hint) {
	known := append([]string{"LOOKUP", "OPTIONS", "STATE_TTL"}, joinHints...)
	if name := strings.ToUpper(x.Name); !slices.Contains(known, name) {
		hint := nearest(name, known)
		if hint == "" {
			hint = "there are " + strings.Join(known, ", ")
		}
		failHint(x.Span, hint, "there is no hint %s", x.Name)
	}
}

func (h *hints) stateTTL(x ast.Hint, names []string) {
	if len(x.Options) == 0 || len(x.Args) > 0 {
		failHint(x.Span, "write STATE_TTL('t' = '1 d')", "the hint STATE_TTL gives tables of FROM durations")
	}
	for _, o := range x.Options {
		checkTable(x, o.Key, names)
		d, err := config.ParseDuration(o.Value)
		if err != nil {
			failHint(o.Span, "write '1 d', '12 h', '90 s'", "the time to live '%s' is no duration", o.Value)
		}
		h.ttl[o.Key] = d
	}
}

func (h *hints) lookup(x ast.Hint, names []string) {
	options := map[string]string{}
	for _, o := range x.Options {
		check := lookupOptions[o.Key]
		if check == nil {
			var known []string
			for k := range lookupOptions {
				known = append(known, k)
			}
			slices.Sort(known)
			failHint(o.Span, "there are "+strings.Join(known, ", "), "the hint LOOKUP has no option '%s'", o.Key)
		}
		if !check(o.Value) {
			fail(o.Span, "the option '%s' of LOOKUP cannot be '%s'", o.Key, o.Value)
		}
		options[o.Key] = o.Value
	}
	if options["table"] == "" {
		failHint(x.Span, "write LOOKUP('table' = 't')", "the hint LOOKUP names a table")
	}
	checkTable(x, options["table"], names)
	given := 0
	for _, k := range retryOptions {
		if options[k] != "" {
			given++
		}
	}
	if given != 0 && given != len(retryOptions) {
		fail(x.Span, "the options %s of LOOKUP go together", strings.Join(retryOptions, ", "))
	}
	h.joins[options["table"]] = append(h.joins[options["table"]], "LOOKUP")
	h.lookups[options["table"]] = lookupHint(options)
}

// lookupHint is what options say that have been checked.
func lookupHint(options map[string]string) *logical.LookupHint {
	l := &logical.LookupHint{}
	isSet := func(option, word string) *bool {
		if v := options[option]; v != "" {
			b := strings.EqualFold(v, word)
			return &b
		}
		return nil
	}
	l.Async, l.Unordered = isSet("async", "true"), isSet("output-mode", "allow_unordered")
	l.Capacity, _ = strconv.Atoi(options["capacity"])
	if d, err := config.ParseDuration(options["timeout"]); err == nil {
		l.Timeout = &d
	}
	l.Attempts, _ = strconv.Atoi(options["max-attempts"])
	l.Delay, _ = config.ParseDuration(options["fixed-delay"])
	return l
}

// checkTable refuses the name of a table that is none of FROM.
func checkTable(x ast.Hint, table string, names []string) {
	if slices.Contains(names, table) {
		return
	}
	hint := nearest(table, names)
	if hint == "" && len(names) > 0 {
		hint = "there are " + strings.Join(names, ", ") + "; a table with an alias is known by that only"
	}
	failHint(x.Span, hint, "the hint %s is about the table %s, which FROM does not have", strings.ToUpper(x.Name), table)
}

// tableNames are the names by which a SELECT knows its tables.
func tableNames(t ast.Table) []string {
	if j, ok := t.(*ast.Join); ok {
		return append(tableNames(j.X), tableNames(j.Y)...)
	}
	if p, ok := t.(*ast.Paren); ok && p.Alias.Name == nil {
		return tableNames(p.Table)
	}
	if name := tableName(t); name != "" {
		return []string{name}
	}
	return nil
}

// tableName is the name of one table, empty where it has none.
func tableName(t ast.Table) string {
	var alias ast.Alias
	switch t := t.(type) {
	case *ast.TableName:
		if t.Alias.Name == nil {
			return t.Name.Last().Name
		}
		alias = t.Alias
	case *ast.Derived:
		alias = t.Alias
	case *ast.Function:
		alias = t.Alias
	case *ast.Unnest:
		alias = t.Alias
	case *ast.File:
		alias = t.Alias
	case *ast.Paren:
		alias = t.Alias
	case *ast.Match:
		alias = t.Alias
	case *ast.Sample:
		return tableName(t.Input)
	}
	if alias.Name == nil {
		return ""
	}
	return alias.Name.Name
}

// ttlOf is the time to live of a table's state, nil where no hint says it.
func (h *hints) ttlOf(t ast.Table) *time.Duration {
	if h == nil || t == nil {
		return nil
	}
	if d, ok := h.ttl[tableName(t)]; ok {
		return &d
	}
	return nil
}

// join tells a join what hints say of the tables that it joins.
func (h *hints) join(n *logical.Join, j *ast.Join) {
	if h == nil {
		return
	}
	n.LeftTTL, n.RightTTL = h.ttlOf(j.X), h.ttlOf(j.Y)
	n.Lookup = h.lookups[tableName(j.Y)]
	for side, t := range []ast.Table{j.X, j.Y} {
		for _, name := range h.joins[tableName(t)] {
			n.Hints = append(n.Hints, logical.JoinHint{Name: name, Table: tableName(t), Side: side})
		}
	}
}

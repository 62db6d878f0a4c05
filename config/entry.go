package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flott-dev/flott/internal/redact"
)

// Entry is an option with the value that it has.
type Entry struct {
	Doc
	// Value is the text that set it, or the default; "" where there is none. A secret is Redacted.
	Value string
	// From says where it was set: "config.yaml:3", "-D", "code"; "" where it was not.
	From string
}

// Redacted stands in place of a secret.
const Redacted = "******"

// Entries are all options with the values that c gives them, sorted by key.
func (c *Configuration) Entries() []Entry {
	docs := All()
	entries := make([]Entry, len(docs))
	for i, d := range docs {
		e := Entry{Doc: d, Value: d.Default}
		if c != nil {
			if v, ok := c.values[d.Key]; ok {
				e.Value, e.From = v.shown(d.Key), v.from
				if e.From == "" {
					e.From = "code"
				}
			}
		}
		entries[i] = e
	}
	return entries
}

// Text is what c sets, secrets too, in the form of a file: for another process.
func (c *Configuration) Text() string {
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(c.values)) {
		fmt.Fprintf(&b, "%s: %q\n", key, c.values[key].text)
	}
	return b.String()
}

// Matches reports whether a text is a part of the option's key, or of an alias.
func (e Entry) Matches(part string) bool {
	return slices.ContainsFunc(append([]string{e.Key}, e.Aliases...), func(key string) bool { return strings.Contains(key, part) })
}

// shown is the text of a value without secrets.
func (v *value) shown(key string) string {
	if redact.IsSecret(key) {
		return Redacted
	}
	pairs, ok := v.parsed.(map[string]string)
	if !ok {
		return v.text
	}
	var items []string
	for _, k := range slices.Sorted(maps.Keys(pairs)) {
		item := pairs[k]
		if redact.IsSecret(k) {
			item = Redacted
		}
		items = append(items, k+":"+item)
	}
	return strings.Join(items, ",")
}

package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Option is a key with values of type T.
type Option[T any] struct{ definition }

// definition is an option without its type.
type definition struct {
	Doc
	accepts string // what its values are, as "%q is not … goes on"
	parse   func(text string) (any, error)
}

// Doc describes an option.
type Doc struct {
	Key string
	// Aliases are other names: those of older versions of Flink, and of what it calls the same.
	Aliases []string
	// Type is "duration", "memory size", "boolean", "number", "text", "list" or the values of an enum.
	Type string
	// Default is a text that the option would take; "" for none.
	Default string
	// Text says what it does.
	Text string
}

// Lookup is the option's value, if it is set.
func (o *Option[T]) Lookup(c *Configuration) (v T, ok bool) {
	if c == nil {
		return v, false
	}
	set, ok := c.values[o.Key]
	if !ok {
		return v, false
	}
	return set.parsed.(T), true
}

// Get is the option's value, or its default; the zero value where it has none.
func (o *Option[T]) Get(c *Configuration) T {
	if v, ok := o.Lookup(c); ok || o.Default == "" {
		return v
	}
	v, err := o.parse(o.Default)
	if err != nil {
		panic(err) // TestDefaultsAreValues
	}
	return v.(T)
}

// defined has all options, by key and alias.
var defined = map[string]*definition{}

// define adds an option. kind and accepts say what values are, for the table and for errors.
func define[T any](d Doc, accepts string, parse func(text string) (T, error)) *Option[T] {
	o := &Option[T]{definition{d, accepts, func(text string) (any, error) { return parse(text) }}}
	for _, key := range append([]string{d.Key}, d.Aliases...) {
		if defined[key] != nil {
			panic(fmt.Sprintf("config: two options have the key %s", key))
		}
		defined[key] = &o.definition
	}
	return o
}

func find(key string) *definition { return defined[key] }

// All describes all options, sorted by key.
func All() (list []Doc) {
	for _, key := range slices.Sorted(maps.Keys(defined)) {
		if o := defined[key]; o.Key == key {
			list = append(list, o.Doc)
		}
	}
	return list
}

// unknown is the error of a key that no option has, with the nearest one.
func unknown(key string) error {
	best, distance := "", len(key)/3+1
	for _, k := range slices.Sorted(maps.Keys(defined)) {
		d := edits(key, k)
		if strings.HasSuffix(k, "."+key) {
			d = 0 // only the beginning is missing
		}
		if d < distance {
			best, distance = k, d
		}
	}
	if best == "" {
		return fmt.Errorf("there is no option %q; docs/configuration.md has those that there are", key)
	}
	return fmt.Errorf("there is no option %q; did you mean %q?", key, best)
}

// edits is how many letters have to be changed, added or taken out to make b of a.
func edits(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := before
			if a[i] != b[j] {
				cost++
			}
			before = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flott-dev/flott/internal/suggest"
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
	// Required says that a Set cannot do without it.
	Required bool
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

// declare makes an option. accepts says what its values are, for errors.
func declare[T any](d Doc, accepts string, parse func(text string) (T, error)) *Option[T] {
	return &Option[T]{definition{d, accepts, func(text string) (any, error) { return parse(text) }}}
}

// define adds an option to those of jobs.
func define[T any](o *Option[T]) *Option[T] {
	for _, key := range append([]string{o.Key}, o.Aliases...) {
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
	if strings.HasPrefix(key, "security.ssl.") && strings.Contains(key, "store") {
		return fmt.Errorf("there is no option %q: keys and certificates are PEM files here, no keystores of Java; "+
			"security.ssl.internal.cert-file, .key-file and .ca-file name them, and the same of security.ssl.rest", key)
	}
	names := slices.Sorted(maps.Keys(defined))
	best := ""
	if i := slices.IndexFunc(names, func(k string) bool { return strings.HasSuffix(k, "."+key) }); i >= 0 {
		best = names[i] // only the beginning is missing
	} else {
		best = suggest.Nearest(key, names, len(key)/3)
	}
	if best == "" {
		return fmt.Errorf("there is no option %q; docs/configuration.md has those that there are", key)
	}
	return fmt.Errorf("there is no option %q; did you mean %q?", key, best)
}

package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flott-dev/flott/internal/suggest"
)

// Set is the options of something other than a job: of a connector, of a format.
//
// A key may have a # for a part that is not known before, such as the name of a column in
// "fields.#.kind"; At gives the option of one of them.
type Set []Declared

// Declared is an Option of any type.
type Declared interface{ declared() *definition }

func (d *definition) declared() *definition { return d }

// At is the option of a key with name in the place of #.
func (o *Option[T]) At(name string) *Option[T] {
	c := *o
	c.Key = strings.Replace(o.Key, "#", name, 1)
	return &c
}

// Docs describes the options, in their order.
func (s Set) Docs() []Doc {
	docs := make([]Doc, len(s))
	for i, o := range s {
		docs[i] = o.declared().Doc
	}
	return docs
}

// Parse checks and parses the values of options. Keys that there are not, values that are wrong and
// options that are missing are reported together. Errors write keys with the prefix before them.
func (s Set) Parse(texts map[string]string, prefix string) (*Configuration, error) {
	c := &Configuration{}
	var errs []error
	for _, key := range slices.Sorted(maps.Keys(texts)) {
		o, full := s.find(key)
		if o == nil {
			errs = append(errs, s.unknown(key, prefix))
			continue
		}
		parsed, err := o.parse(texts[key])
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %q is not %s", prefix+key, texts[key], o.accepts))
			continue
		}
		at := *o
		at.Key = full
		c.put(&at, value{parsed: parsed, key: key})
	}
	for _, o := range s {
		d := o.declared()
		if _, ok := c.values[d.Key]; d.Required && !ok && !given(texts, d) {
			errs = append(errs, fmt.Errorf("the option '%s' is missing: %s", prefix+d.Key, d.Text))
		}
	}
	return c, errors.Join(errs...)
}

// given reports whether there is a value, be it a wrong one.
func given(texts map[string]string, d *definition) bool {
	return slices.ContainsFunc(append([]string{d.Key}, d.Aliases...), func(key string) bool {
		_, ok := texts[key]
		return ok
	})
}

// find is the option of a key, and its key with # replaced.
func (s Set) find(key string) (o *definition, full string) {
	for _, o := range s {
		d := o.declared()
		if key == d.Key || slices.Contains(d.Aliases, key) {
			return d, d.Key
		}
	}
	for _, o := range s {
		before, after, ok := strings.Cut(o.declared().Key, "#")
		if ok && len(key) > len(before)+len(after) && strings.HasPrefix(key, before) && strings.HasSuffix(key, after) {
			return o.declared(), key
		}
	}
	return nil, ""
}

func (s Set) unknown(key, prefix string) error {
	var names []string
	for _, o := range s {
		names = append(names, o.declared().Key)
	}
	slices.Sort(names)
	best := suggest.Nearest(key, names, max(2, len(key)/3))
	switch {
	case best != "":
		return fmt.Errorf("there is no option '%s'; did you mean '%s'?", prefix+key, prefix+best)
	case len(names) == 0:
		return fmt.Errorf("there is no option '%s': there are none", prefix+key)
	}
	return fmt.Errorf("there is no option '%s'; there are %s", prefix+key, prefix+strings.Join(names, ", "+prefix))
}

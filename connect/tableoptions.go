package connect

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/format"
	"github.com/flott-dev/flott/internal/suggest"
	"github.com/flott-dev/flott/row"
)

// TableOptions are the parsed options of a table.
type TableOptions struct {
	// Connector are those of the connector.
	Connector *config.Configuration
	// Format is what 'format' names, nil where the connector has none; FormatOptions are its options.
	Format        *format.Factory
	FormatOptions *config.Configuration
	// KeyFormat is what 'key.format' names, nil where that is not given.
	KeyFormat        *format.Factory
	KeyFormatOptions *config.Configuration
}

// Parse checks the options of a table. All mistakes are reported together.
func (f *TableFactory) Parse(t *TableSpec) (o TableOptions, err error) {
	own := maps.Clone(t.Options)
	delete(own, "connector")
	var errs []error
	if _, given := own[keyPrefix+"format"]; f.Keyed && given {
		o.KeyFormat, o.KeyFormatOptions, err = t.format(own, keyPrefix)
		errs = append(errs, err)
	}
	if f.Formatted {
		prefix := ""
		if _, given := own[valuePrefix+"format"]; f.Keyed && given {
			prefix = valuePrefix
		}
		o.Format, o.FormatOptions, err = t.format(own, prefix)
		errs = append(errs, err)
	}
	o.Connector, err = f.Options.Parse(own, "")
	if err = errors.Join(append(errs, err)...); err != nil {
		return o, fmt.Errorf("table %s, connector '%s': %w", t.Name, f.Name, err)
	}
	return o, nil
}

// What the options of the formats of keys and of values begin with, where records have both.
const (
	keyPrefix   = "key."
	valuePrefix = "value."
)

// format takes 'format', and what that one has, from the options. prefix is before all of them.
func (t *TableSpec) format(options map[string]string, prefix string) (f *format.Factory, own *config.Configuration, err error) {
	var names []string
	for i := range t.Formats {
		names = append(names, t.Formats[i].Name)
	}
	slices.Sort(names)
	name, ok := options[prefix+"format"]
	delete(options, prefix+"format")
	if !ok {
		return nil, nil, fmt.Errorf("the option 'format' is missing: it is one of %s", strings.Join(names, ", "))
	}
	for i := range t.Formats {
		if t.Formats[i].Name == name {
			f = &t.Formats[i]
		}
	}
	if f == nil {
		if best := suggest.Nearest(name, names, max(2, len(name)/3)); best != "" {
			return nil, nil, fmt.Errorf("there is no format '%s'; did you mean '%s'?", name, best)
		}
		return nil, nil, fmt.Errorf("there is no format '%s'; there are %s", name, strings.Join(names, ", "))
	}
	prefix += f.Name + "."
	texts := map[string]string{}
	for key, text := range options {
		if name, ok := strings.CutPrefix(key, prefix); ok {
			texts[name] = text
			delete(options, key)
		}
	}
	own, err = f.Options.Parse(texts, prefix)
	return f, own, err
}

// Physical are the columns that records have: those of the schema without partition columns, and
// their places in the schema.
func (t *TableSpec) Physical() (s *row.Schema, places []int) {
	s = &row.Schema{}
	for i, f := range t.Schema.Fields {
		if !slices.Contains(t.Partitions, f.Name) {
			s.Fields = append(s.Fields, f)
			places = append(places, i)
		}
	}
	return s, places
}

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
}

// Parse checks the options of a table. All mistakes are reported together.
func (f *TableFactory) Parse(t *TableSpec) (o TableOptions, err error) {
	own := maps.Clone(t.Options)
	delete(own, "connector")
	var errs []error
	if f.Formatted {
		if o.Format, err = t.format(own); err != nil {
			errs = append(errs, err)
		}
	}
	if o.Format != nil {
		prefix := o.Format.Name + "."
		texts := map[string]string{}
		for key, text := range own {
			if name, ok := strings.CutPrefix(key, prefix); ok {
				texts[name] = text
				delete(own, key)
			}
		}
		o.FormatOptions, err = o.Format.Options.Parse(texts, prefix)
		errs = append(errs, err)
	}
	o.Connector, err = f.Options.Parse(own, "")
	if err = errors.Join(append(errs, err)...); err != nil {
		return o, fmt.Errorf("table %s, connector '%s': %w", t.Name, f.Name, err)
	}
	return o, nil
}

// format takes 'format' from the options.
func (t *TableSpec) format(options map[string]string) (*format.Factory, error) {
	var names []string
	for i := range t.Formats {
		names = append(names, t.Formats[i].Name)
	}
	slices.Sort(names)
	name, ok := options["format"]
	delete(options, "format")
	if !ok {
		return nil, fmt.Errorf("the option 'format' is missing: it is one of %s", strings.Join(names, ", "))
	}
	for i := range t.Formats {
		if t.Formats[i].Name == name {
			return &t.Formats[i], nil
		}
	}
	if best := suggest.Nearest(name, names, max(2, len(name)/3)); best != "" {
		return nil, fmt.Errorf("there is no format '%s'; did you mean '%s'?", name, best)
	}
	return nil, fmt.Errorf("there is no format '%s'; there are %s", name, strings.Join(names, ", "))
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

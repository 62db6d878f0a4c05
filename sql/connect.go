package sql

import (
	"fmt"
	"slices"

	"github.com/flott-dev/flott/config"
	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/internal/suggest"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/catalog"
	"github.com/flott-dev/flott/sql/internal/exec"
)

// factory is the connector of a table.
func (s *Session) factory(t *catalog.Table, options map[string]string) (*connect.TableFactory, error) {
	name := options["connector"]
	var names []string
	for i := range s.connectors {
		if s.connectors[i].Name == name {
			return &s.connectors[i], nil
		}
		names = append(names, s.connectors[i].Name)
	}
	slices.Sort(names)
	if name == "" {
		return nil, &catalog.Error{Msg: fmt.Sprintf("the table %s has no 'connector'", t.Path.Object), Hint: fmt.Sprintf("it is one of %v", names)}
	}
	e := &catalog.Error{Msg: fmt.Sprintf("the table %s has the connector '%s', which is not there", t.Path.Object, name), Hint: fmt.Sprintf("there are %v", names)}
	if near := suggest.Nearest(name, names, max(2, len(name)/3)); near != "" {
		e.Hint = "did you mean '" + near + "'?"
	}
	return nil, e
}

// spec is a table as its connector sees it.
func (s *Session) spec(t *catalog.Table, options map[string]string) (*connect.TableSpec, error) {
	c, err := s.configuration()
	if err != nil {
		return nil, err
	}
	zone, err := location(config.LocalTimeZone.Get(c))
	if err != nil {
		return nil, err
	}
	spec := &connect.TableSpec{
		Name: t.Path.Object, Schema: &row.Schema{}, Partitions: t.Partitioned, PrimaryKey: t.PrimaryKey, Options: connectorOptions(options),
		Formats: s.formats, Zone: zone, Config: c,
	}
	for _, col := range t.Columns {
		if col.Kind == catalog.Physical {
			spec.Schema.Fields = append(spec.Schema.Fields, row.Field{Name: col.Name, Type: col.Type.Plain(), Comment: col.Comment})
		}
	}
	return spec, nil
}

// source makes the source of a table.
func (s *Session) source(t *catalog.Table, options map[string]string) (connect.TableSource, error) {
	f, err := s.factory(t, options)
	if err != nil {
		return nil, err
	}
	if f.NewSource == nil {
		return nil, fmt.Errorf("the table %s cannot be read: the connector '%s' writes only", t.Path.Object, f.Name)
	}
	if _, err := watermarkConfig(t, options); err != nil {
		return nil, err
	}
	spec, err := s.spec(t, options)
	if err != nil {
		return nil, err
	}
	src, err := f.NewSource(spec)
	if err != nil {
		return nil, err
	}
	o, given, err := lookupConfig(t, options)
	if err != nil {
		return nil, err
	}
	if isFull := o.Full.Reload != exec.ReloadNever; isFull && (!src.Bounded() || src.Kinds() != row.InsertOnly) {
		return nil, fmt.Errorf("the table %s cannot have 'lookup.cache' = 'FULL': it is read as a whole, and its rows do not end or change others", t.Path.Object)
	} else if given && !isFull && !canLookUp(src) {
		return nil, fmt.Errorf("the table %s has options that begin with %s, and the connector '%s' looks nothing up", t.Path.Object, lookupPrefix, f.Name)
	}
	return src, nil
}

func (s *Session) sink(t *catalog.Table) (connect.TableSink, error) {
	f, err := s.factory(t, t.Options)
	if err != nil {
		return nil, err
	}
	if f.NewSink == nil {
		return nil, fmt.Errorf("the table %s cannot be written: the connector '%s' reads only", t.Path.Object, f.Name)
	}
	spec, err := s.spec(t, t.Options)
	if err != nil {
		return nil, err
	}
	return f.NewSink(spec)
}

func (s *Session) sourceKinds(t *catalog.Table, options map[string]string) (row.ChangeKinds, error) {
	if t.Rows != nil {
		return row.InsertOnly, nil
	}
	src, err := s.source(t, options)
	if err != nil {
		return 0, err
	}
	return src.Kinds(), nil
}

// nested reports whether the source of a table can leave out fields of ROWs. A table that cannot be read is refused
// elsewhere.
func (s *Session) nested(t *catalog.Table, options map[string]string) bool {
	if t.Rows != nil {
		return false
	}
	src, err := s.source(t, options)
	n, ok := src.(connect.Nested)
	return err == nil && ok && n.Nested()
}

func (s *Session) sinkKinds(t *catalog.Table) (row.ChangeKinds, error) {
	sink, err := s.sink(t)
	if err != nil {
		return 0, err
	}
	return sink.Kinds(), nil
}

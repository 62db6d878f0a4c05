package sql

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/bind"
)

// showPartitions lists the partitions that a table has now, as c=value/d=value: those that PARTITION (…) says, or all.
// Flink's catalogs in memory know those of ALTER TABLE … ADD PARTITION only; here the connector is asked.
func (s *Session) showPartitions(x *ast.Show) (*Result, error) {
	t, err := s.catalog.Table(x.Of.Strings())
	if err != nil {
		return nil, at(x.Of, err)
	}
	if len(t.Partitioned) == 0 {
		return nil, &bind.Error{Span: x.Of.Extent(), Msg: fmt.Sprintf("%s is not partitioned", t.Path.Object), Hint: "PARTITIONED BY (…) makes it so"}
	}
	wanted, err := partitionSpec(x.Parts, t.Partitioned)
	if err != nil {
		return nil, err
	}
	source, err := s.source(t, t.Options)
	if err != nil {
		return nil, &bind.Error{Span: x.Of.Extent(), Msg: err.Error()}
	}
	p, ok := source.(connect.Partitioned)
	if !ok {
		return nil, &bind.Error{Span: x.Of.Extent(), Msg: fmt.Sprintf("the connector '%s' does not know its partitions", t.Connector())}
	}
	parts, err := p.Partitions()
	if err != nil {
		return nil, err
	}
	null := cmp.Or(t.Options["partition.default-name"], "__DEFAULT_PARTITION__")
	var names []string
	for _, values := range parts {
		var name []string
		isWanted := true
		for _, c := range t.Partitioned {
			v, ok := values[c]
			if !ok {
				v = null
			}
			w, says := wanted[c]
			isWanted = isWanted && (!says || w == v)
			name = append(name, c+"="+v)
		}
		if isWanted {
			names = append(names, strings.Join(name, "/"))
		}
	}
	for _, p := range t.Partitions {
		if !slices.ContainsFunc(p, func(part string) bool {
			c, v, _ := strings.Cut(part, "=")
			w, says := wanted[c]
			return says && w != v
		}) {
			names = append(names, strings.Join(p, "/"))
		}
	}
	slices.Sort(names)
	return list(x, "partition name", slices.Compact(names))
}

// partitionSpec are the values that PARTITION (c = 'v') says, as texts.
func partitionSpec(parts []ast.Assignment, columns []string) (map[string]string, error) {
	wanted := map[string]string{}
	for _, a := range parts {
		c := a.Name.Last().Name
		if !slices.Contains(columns, c) {
			return nil, &bind.Error{Span: a.Name.Extent(), Msg: "the table is not partitioned by " + c, Hint: "it is by " + strings.Join(columns, ", ")}
		}
		if a.Value != nil {
			wanted[c] = bind.PartitionValue(a.Value)
		}
	}
	return wanted, nil
}

package exposition

import (
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
)

// Prefix is how all names begin.
const Prefix = "flink_"

// families are the metrics of scopes by their names, in order. Unless plain is set, characters of labels' values that are neither
// letters of ASCII, digits, colons nor underscores become underscores, as in Flink.
func families(scopes []Scope, plain bool) []*dto.MetricFamily {
	m := merge{byName: map[string]*family{}, known: map[string]map[string]*family{}, plain: plain}
	for i := range scopes {
		m.add(&scopes[i])
	}
	all := make([]*dto.MetricFamily, 0, len(m.byName))
	for _, f := range m.byName {
		all = append(all, &f.MetricFamily)
	}
	slices.SortFunc(all, func(a, b *dto.MetricFamily) int { return strings.Compare(a.GetName(), b.GetName()) })
	return all
}

// family is the series of one name.
type family struct {
	dto.MetricFamily
	seen map[string]bool // labels
}

// merge puts the metrics of scopes together by name.
type merge struct {
	plain  bool
	byName map[string]*family
	known  map[string]map[string]*family // by scope and name, as they come
}

func (m *merge) add(s *Scope) {
	names := m.known[s.Name]
	if names == nil {
		names = map[string]*family{}
		m.known[s.Name] = names
	}
	pairs, key := m.labels(s.Labels)
	for i := range s.Values {
		v := &s.Values[i]
		f := names[v.Name]
		if f == nil {
			f = m.family(s.Name, v.Name)
			names[v.Name] = f
		}
		if f.seen[key] {
			continue
		}
		f.seen[key] = true
		f.Metric = append(f.Metric, &dto.Metric{Label: pairs, Gauge: &dto.Gauge{Value: &v.V}})
	}
}

func (m *merge) family(scope, name string) *family {
	full := Prefix + valid(scope) + "_" + valid(name)
	f := m.byName[full]
	if f == nil {
		help := strings.ToValidUTF8(name, "�") + " (scope: " + scope + ")"
		f = &family{seen: map[string]bool{}}
		f.Name, f.Help, f.Type = &full, &help, dto.MetricType_GAUGE.Enum()
		m.byName[full] = f
	}
	return f
}

// labels are those of a scope, in the order of their names, and a text that no other labels have.
func (m *merge) labels(labels []Label) (pairs []*dto.LabelPair, key string) {
	var b strings.Builder
	for _, l := range labels {
		value := strings.ToValidUTF8(l.Value, "�")
		if !m.plain {
			value = valid(value)
		}
		pairs = append(pairs, &dto.LabelPair{Name: &l.Name, Value: &value})
	}
	slices.SortFunc(pairs, func(a, b *dto.LabelPair) int { return strings.Compare(a.GetName(), b.GetName()) })
	for _, p := range pairs {
		b.WriteString(p.GetName())
		b.WriteByte(0)
		b.WriteString(p.GetValue())
		b.WriteByte(0)
	}
	return pairs, b.String()
}

// valid is a text with underscores in place of what names of Prometheus do not have.
func valid(text string) string {
	return strings.Map(func(c rune) rune {
		if c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == ':' || c == '_' {
			return c
		}
		return '_'
	}, text)
}

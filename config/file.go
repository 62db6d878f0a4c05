package config

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
)

// Load reads a file of options: see Parse.
func Load(path string) (*Configuration, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return Parse(path, data)
}

// Parse takes options from YAML, whose keys are flat (a.b.c: 1) or nested, or, what is not YAML, from
// lines "key: value" as Flink's flink-conf.yaml had them. name is the file's, for errors. All mistakes
// are reported together.
func Parse(name string, data []byte) (*Configuration, error) {
	f := &file{name: name}
	var doc yaml.Node
	err := yaml.Unmarshal(data, &doc)
	switch {
	case err != nil && f.lines(string(data)):
	case err != nil:
		f.errs = append(f.errs, fmt.Errorf("%s: %w", name, err))
	case len(doc.Content) > 0:
		f.node(nil, doc.Content[0], 0)
	}
	if err := errors.Join(f.errs...); err != nil {
		return nil, fmt.Errorf("configuration: %w", err)
	}
	return &f.c, nil
}

// file is a file that is being read.
type file struct {
	name string
	c    Configuration
	errs []error
}

func (f *file) fail(line int, format string, args ...any) {
	f.errs = append(f.errs, fmt.Errorf("%s:%d: %w", f.name, line, fmt.Errorf(format, args...)))
}

// depthMax bounds how deep keys are nested: an alias may contain itself.
const depthMax = 20

// node takes what lies below a path of keys.
func (f *file) node(path []string, n *yaml.Node, depth int) {
	key := strings.Join(path, ".")
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch {
	case depth > depthMax:
		f.fail(n.Line, "keys are nested more than %d levels deep", depthMax)
	case n.Kind == yaml.MappingNode && key == Params.Key:
		f.set(key, f.pairs(n), n.Line)
	case n.Kind == yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			f.node(append(path[:len(path):len(path)], n.Content[i].Value), n.Content[i+1], depth+1)
		}
	case len(path) == 0:
		f.fail(n.Line, "it is not a mapping of keys to values")
	case n.Kind == yaml.SequenceNode:
		var items []string
		for _, item := range n.Content {
			items = append(items, item.Value)
		}
		f.set(key, strings.Join(items, ";"), n.Line)
	case n.Tag == "!!null":
		f.fail(n.Line, "%s has no value; leave it out, or give it one", key)
	default:
		f.set(key, n.Value, n.Line)
	}
}

// pairs is a mapping as the text of a list of pairs.
func (f *file) pairs(n *yaml.Node) string {
	var items []string
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i+1].Kind != yaml.ScalarNode {
			f.fail(n.Content[i].Line, "%s of %s is not a value", n.Content[i].Value, Params.Key)
			continue
		}
		items = append(items, n.Content[i].Value+":"+n.Content[i+1].Value)
	}
	return strings.Join(items, ";")
}

// set sets an option once.
func (f *file) set(key, text string, line int) {
	v, o, err := parse(key, text)
	if err != nil {
		f.fail(line, "%w", err)
		return
	}
	v.from = fmt.Sprintf("%s:%d", f.name, line)
	if was, ok := f.c.values[o.Key]; ok {
		f.fail(line, "%s is set already, as %s at %s", key, was.key, was.from)
		return
	}
	f.c.put(o, v)
}

// lines takes lines "key: value". It reports whether all are such.
func (f *file) lines(text string) bool {
	type line struct {
		key, value string
		number     int
	}
	var all []line
	number := 0
	for l := range strings.Lines(text) {
		number++
		if comment := strings.Index(l, "#"); comment == 0 || comment > 0 && l[comment-1] == ' ' {
			l = l[:comment]
		}
		if strings.TrimSpace(l) == "" {
			continue
		}
		key, value, ok := strings.Cut(l, ": ")
		if !ok || strings.ContainsAny(key, " \t{}[]\"'") {
			return false
		}
		all = append(all, line{key, strings.TrimSpace(value), number})
	}
	for _, l := range all {
		f.set(l.key, l.value, l.number)
	}
	return true
}

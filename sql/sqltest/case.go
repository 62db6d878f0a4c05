package sqltest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Case is one case.
type Case struct {
	// Name is that of the file, without .case: area.name.
	Name string
	Head map[string]string // "# key: value"
	// Sections are what stands below each "-- name", by name.
	Sections map[string]string
	// Error is the kind of error that is expected, empty for none.
	Error string
}

// Read reads a case from a file.
func Read(file string) (*Case, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	c := &Case{
		Name: strings.TrimSuffix(filepath.Base(file), ".case"),
		Head: map[string]string{}, Sections: map[string]string{},
	}
	section := ""
	for line := range strings.Lines(string(data)) {
		switch name, isSection := strings.CutPrefix(strings.TrimRight(line, "\n"), "-- "); {
		case isSection:
			if kind, ok := strings.CutPrefix(name, "error "); ok {
				c.Error, name = kind, "error"
			}
			section = name
			c.Sections[section] = ""
		case section == "":
			if key, value, ok := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "# "), ": "); ok {
				c.Head[key] = value
			}
		default:
			c.Sections[section] += line
		}
	}
	if strings.TrimSpace(c.Sections["query"]) == "" {
		return nil, fmt.Errorf("%s has no section -- query", file)
	}
	return c, nil
}

// Area is the part of the name before the first point.
func (c *Case) Area() string {
	area, _, _ := strings.Cut(c.Name, ".")
	return area
}

// Lines are the lines of a section that are not empty.
func (c *Case) Lines(section string) []string {
	var lines []string
	for line := range strings.Lines(c.Sections[section]) {
		if line = strings.TrimRight(line, "\n"); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

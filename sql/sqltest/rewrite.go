package sqltest

import (
	"os"
	"slices"
	"strings"
)

// Rewrite writes what a case gives into its file, in place of what it expected. The order of the sections is kept; the
// message of an error is that of Flott.
func (v *Verdict) Rewrite(file string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	head, _, ok := strings.Cut(string(data), "\n-- schema\n")
	if !ok {
		head, _, _ = strings.Cut(string(data), "\n-- error ")
	}
	var b strings.Builder
	b.WriteString(strings.TrimRight(head, "\n") + "\n")
	section := func(name string, lines []string) {
		b.WriteString("-- " + name + "\n")
		for _, l := range lines {
			b.WriteString(l + "\n")
		}
	}
	if v.Err != nil {
		kind := "runtime"
		if k := kindOf(v.Err); k != "" {
			kind = k
		}
		section("error "+kind, []string{"# " + strings.ReplaceAll(v.Err.Error(), "\n", "\n# ")})
		return os.WriteFile(file, []byte(b.String()), 0o644)
	}
	rows := Materialize(v.Changes, v.Case.UpsertKey())
	if v.Case.Head["compare"] != "ordered" {
		slices.Sort(rows)
	}
	section("schema", v.Schema)
	section("expect", rows)
	if slices.ContainsFunc(v.Changes, func(c string) bool { return c[:2] != "+I" }) || v.Case.Head["changelog"] == "yes" {
		section("changelog", v.Changes)
	}
	return os.WriteFile(file, []byte(b.String()), 0o644)
}

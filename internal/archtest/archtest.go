// Package archtest holds the rules of the repository that a compiler does not know: which package
// may import which, what a package comment must say, and that links in the documentation lead
// somewhere. The rules are in deps.txt and in the tests of this package.
package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// Package is a package of the module, as its files other than tests show it.
type Package struct {
	Path    string // below the module; "flott" for the root
	Doc     string
	Imports []string // sorted; those of the module without its path
	Main    bool
}

// Load parses package clauses, comments and imports of all packages below root. Folders named
// testdata, folders that begin with a dot or an underscore and other modules are left out.
func Load(root, module string) ([]Package, error) {
	var packages []Package
	err := filepath.WalkDir(root, func(dir string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		if dir != root && skipped(dir, entry.Name()) {
			return filepath.SkipDir
		}
		p, err := loadPackage(root, dir, module)
		if err != nil {
			return err
		}
		if p != nil {
			packages = append(packages, *p)
		}
		return nil
	})
	return packages, err
}

func skipped(dir, name string) bool {
	if name == "testdata" || strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") {
		return true
	}
	_, err := os.Stat(filepath.Join(dir, "go.mod"))
	return err == nil
}

// loadPackage returns nil for a folder without Go files other than tests.
func loadPackage(root, dir, module string) (*Package, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		return nil, err
	}
	rel, err := filepath.Rel(root, dir)
	if err != nil {
		return nil, err
	}
	p := &Package{Path: filepath.ToSlash(rel)}
	if p.Path == "." {
		p.Path = path.Base(module)
	}
	seen := false
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		mode := parser.ImportsOnly | parser.ParseComments
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, mode)
		if err != nil {
			return nil, err
		}
		seen = true
		p.add(f, module)
	}
	if !seen {
		return nil, nil
	}
	slices.Sort(p.Imports)
	p.Imports = slices.Compact(p.Imports)
	return p, nil
}

func (p *Package) add(f *ast.File, module string) {
	p.Main = f.Name.Name == "main"
	if f.Doc != nil {
		p.Doc += f.Doc.Text()
	}
	for _, spec := range f.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			continue // the parser accepts string literals only
		}
		if name == module {
			name = path.Base(module)
		}
		p.Imports = append(p.Imports, strings.TrimPrefix(name, module+"/"))
	}
}

// Rules are the contents of deps.txt.
type Rules struct {
	below map[string]map[string]bool // all names that a name may import
	never []Never
}

// Never is a negative rule: From does not import To.
type Never struct{ From, To string }

// ParseRules reads the format that the head of deps.txt describes.
func ParseRules(text string) (*Rules, error) {
	r := &Rules{below: map[string]map[string]bool{"NONE": {}}}
	for _, rule := range strings.Split(stripComments(text), ";") {
		if strings.TrimSpace(rule) == "" {
			continue
		}
		if left, right, ok := strings.Cut(rule, "!<"); ok {
			r.addNever(names(left), names(right))
			continue
		}
		left, right, ok := strings.Cut(rule, "<")
		if !ok || strings.Contains(right, "<") {
			return nil, fmt.Errorf("deps: rule %q: want one < or !<", strings.TrimSpace(rule))
		}
		if err := r.add(names(left), names(right)); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func stripComments(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		b.WriteString(strings.TrimRight(line, "\n") + "\n")
	}
	return b.String()
}

func names(list string) []string {
	var all []string
	for _, name := range strings.Split(list, ",") {
		all = append(all, strings.TrimSpace(name))
	}
	return all
}

func (r *Rules) add(lower, upper []string) error {
	for _, low := range lower {
		if r.below[low] == nil {
			return fmt.Errorf("deps: %q is used before the rule that introduces it", low)
		}
	}
	for _, up := range upper {
		if up == "" || up == "NONE" {
			return fmt.Errorf("deps: bad name %q", up)
		}
		if r.below[up] == nil {
			r.below[up] = map[string]bool{}
		}
		for _, low := range lower {
			r.below[up][low] = true
			for lowest := range r.below[low] {
				r.below[up][lowest] = true
			}
		}
	}
	return nil
}

func (r *Rules) addNever(from, to []string) {
	for _, f := range from {
		for _, t := range to {
			r.never = append(r.never, Never{f, t})
		}
	}
}

// Resolve returns the longest name that a package belongs to, "" if there is none.
func (r *Rules) Resolve(pkg string) string {
	best := ""
	for name := range r.below {
		if len(name) > len(best) && fits(name, pkg) {
			best = name
		}
	}
	return best
}

// fits reports whether a package is one of those that a name stands for.
func fits(name, pkg string) bool {
	if parent, ok := strings.CutSuffix(name, "/*"); ok {
		return strings.HasPrefix(pkg, parent+"/")
	}
	return pkg == name || strings.HasPrefix(pkg, name+"/")
}

// Check returns what is wrong with the imports of the packages, a line each.
func (r *Rules) Check(packages []Package) []string {
	var wrong []string
	imports := map[string][]string{}
	for _, p := range packages {
		imports[p.Path] = p.Imports
	}
	for _, p := range packages {
		name := r.Resolve(p.Path)
		if name == "" {
			wrong = append(wrong, fmt.Sprintf("%s: no rule of deps.txt names it", p.Path))
			continue
		}
		for _, to := range p.Imports {
			if _, ok := imports[to]; ok && !r.allows(p.Path, to) {
				wrong = append(wrong, fmt.Sprintf("%s imports %s: deps.txt does not allow %s < %s",
					p.Path, to, r.Resolve(to), name))
			}
		}
		wrong = append(wrong, r.checkNever(p, imports)...)
	}
	sort.Strings(wrong)
	return wrong
}

func (r *Rules) allows(from, to string) bool {
	upper, lower := r.Resolve(from), r.Resolve(to)
	if upper != lower {
		return r.below[upper][lower]
	}
	parent, each := strings.CutSuffix(upper, "/*")
	if !each {
		return true
	}
	child := func(pkg string) string {
		first, _, _ := strings.Cut(strings.TrimPrefix(pkg, parent+"/"), "/")
		return first
	}
	return child(from) == child(to)
}

func (r *Rules) checkNever(p Package, imports map[string][]string) []string {
	var wrong []string
	for _, n := range r.never {
		if !fits(n.From, p.Path) {
			continue
		}
		if via := reach(p.Path, n.To, imports, map[string]bool{}); via != nil {
			wrong = append(wrong, fmt.Sprintf("%s must not import %s, but does: %s",
				n.From, n.To, strings.Join(via, " > ")))
		}
	}
	return wrong
}

// reach returns a chain of imports from a package to one that the name stands for.
func reach(pkg, name string, imports map[string][]string, seen map[string]bool) []string {
	seen[pkg] = true
	for _, to := range imports[pkg] {
		if fits(name, to) {
			return []string{pkg, to}
		}
	}
	if !strings.Contains(name, "/") {
		return nil // of the standard library: only direct imports count
	}
	for _, to := range imports[pkg] {
		if seen[to] || imports[to] == nil {
			continue
		}
		if via := reach(to, name, imports, seen); via != nil {
			return append([]string{pkg}, via...)
		}
	}
	return nil
}

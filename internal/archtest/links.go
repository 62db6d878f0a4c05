package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

var (
	markdownLink = regexp.MustCompile(`\]\(([^()\s]+)\)`)
	funcLink     = regexp.MustCompile("`([\\w./-]+\\.go):([\\w.]+)`")
	codeBlock    = regexp.MustCompile("(?s)\n```.*?\n```")
)

// BrokenLinks returns the relative links of a Markdown file that lead to no file.
func BrokenLinks(file string) ([]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var broken []string
	for _, match := range markdownLink.FindAllStringSubmatch(withoutCode(text), -1) {
		target, _, _ := strings.Cut(match[1], "#")
		if target == "" || strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
			continue
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(file), target)); err != nil {
			broken = append(broken, fmt.Sprintf("%s: link to %s leads nowhere", file, match[1]))
		}
	}
	return broken, nil
}

// BrokenFuncLinks returns the links of the form path.go:Func or path.go:Type.Method in a Markdown
// file for which the file, below root, has no such declaration.
func BrokenFuncLinks(root, file string) ([]string, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var broken []string
	for _, match := range funcLink.FindAllStringSubmatch(string(text), -1) {
		declared, err := declarations(filepath.Join(root, match[1]))
		if err != nil {
			broken = append(broken, fmt.Sprintf("%s: %s: %v", file, match[0], err))
		} else if !declared[match[2]] {
			broken = append(broken, fmt.Sprintf("%s: %s: no such declaration", file, match[0]))
		}
	}
	return broken, nil
}

func withoutCode(text []byte) string {
	return codeBlock.ReplaceAllString("\n"+string(text), "\n")
}

// declarations returns the names declared at the top of a Go file; methods as Type.Method and, for
// links that leave the type to the reader, as Method.
func declarations(file string) (map[string]bool, error) {
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
	if err != nil {
		return nil, err
	}
	declared := map[string]bool{}
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			declared[d.Name.Name] = true
			if d.Recv != nil && len(d.Recv.List) == 1 {
				declared[receiver(d.Recv.List[0].Type)+"."+d.Name.Name] = true
			}
		case *ast.GenDecl:
			for _, s := range d.Specs {
				addSpec(declared, s)
			}
		}
	}
	return declared, nil
}

func addSpec(declared map[string]bool, spec ast.Spec) {
	switch s := spec.(type) {
	case *ast.TypeSpec:
		declared[s.Name.Name] = true
		if i, ok := s.Type.(*ast.InterfaceType); ok {
			for _, m := range i.Methods.List {
				for _, name := range m.Names {
					declared[s.Name.Name+"."+name.Name] = true
				}
			}
		}
	case *ast.ValueSpec:
		for _, name := range s.Names {
			declared[name.Name] = true
		}
	}
}

func receiver(t ast.Expr) string {
	switch t := t.(type) {
	case *ast.StarExpr:
		return receiver(t.X)
	case *ast.IndexExpr:
		return receiver(t.X)
	case *ast.IndexListExpr:
		return receiver(t.X)
	case *ast.Ident:
		return t.Name
	}
	return ""
}

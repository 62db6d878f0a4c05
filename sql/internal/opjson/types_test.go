package opjson

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/flott-dev/flott/row"
)

// TestAllOperatorsHaveAName looks for the types of package exec that have a method Node.
func TestAllOperatorsHaveAName(t *testing.T) {
	named := map[string]bool{}
	for name, u := range Types {
		named[u.Name()] = true
		if latest, err := typeName(u); err != nil || latest != name {
			t.Errorf("%s is written as %s, %v", name, latest, err)
		}
	}
	files, err := filepath.Glob("../exec/*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, file := range files {
		f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv == nil || fn.Name.Name != "Node" {
				continue
			}
			found++
			star, ok := fn.Recv.List[0].Type.(*ast.StarExpr)
			if !ok || !named[star.X.(*ast.Ident).Name] {
				t.Errorf("an operator has no name in Types: %v", fn.Recv.List[0].Type)
			}
		}
	}
	if found != len(Types)-1 { // Values is a source
		t.Errorf("package exec has %d operators, Types has %d", found, len(Types)-1)
	}
}

// TestKinds: each kind of type has a word of its own, by which it is found again.
func TestKinds(t *testing.T) {
	form := texts[reflect.TypeFor[row.Kind]()]
	for k := row.Null; k <= row.Descriptor; k++ {
		v := reflect.New(reflect.TypeFor[row.Kind]()).Elem()
		if word := form.write(reflect.ValueOf(k)); !form.read(word, v) || row.Kind(v.Uint()) != k {
			t.Errorf("%v is written %s, and read as %v", k, word, v)
		}
	}
}

package expr

import (
	"strconv"
	"strings"

	"github.com/flott-dev/flott/column"
)

// FieldOf is the function that takes field i of a ROW.
func FieldOf(i int) *Func {
	return &Func{
		Name: "FIELD " + strconv.Itoa(i+1), Strict: true, Total: true,
		Compile: func(*Call) Kernel {
			return func(_ *Context, n int, args []*column.Vector, out *column.Vector) {
				valid := out.Valid
				out.Reset()
				for r := range n {
					if valid.Has(r) {
						out.AppendFrom(args[0].Children[i], r)
					} else {
						out.AppendNull()
					}
				}
			}
		},
	}
}

// Field is the place of the field of a ROW that a call takes.
func Field(x *Call) (i int, ok bool) {
	n, ok := strings.CutPrefix(x.Func.Name, "FIELD ")
	if !ok || len(x.Args) != 1 {
		return 0, false
	}
	i, err := strconv.Atoi(n)
	return i - 1, err == nil
}

// fieldPath is a field of a column, or a field of one: the vector of its values is there already. Only which of them
// are NULL may have to be found, since a NULL row's fields have no meaning.
type fieldPath struct {
	column int
	fields []int // from the outside
	head   column.Vector
	valid  column.Bitmap
}

// fieldOf is the path of a call, nil if it is no field of a column.
func fieldOf(x *Call) *fieldPath {
	at, ok := Field(x)
	if !ok {
		return nil
	}
	var p *fieldPath
	switch a := x.Args[0].(type) {
	case *Input:
		p = &fieldPath{column: a.Index}
	case *Call:
		p = fieldOf(a)
	}
	if p != nil {
		p.fields = append(p.fields, at)
	}
	return p
}

// of is the vector of the field in a batch, valid until the next call.
func (p *fieldPath) of(b *column.Batch) *column.Vector {
	v := b.Cols[p.column]
	var valid column.Bitmap
	for _, f := range p.fields {
		if v.Valid != nil {
			if valid == nil {
				valid = v.Valid
			} else {
				p.valid = column.And(p.valid, valid, v.Valid, v.N)
				valid = p.valid
			}
		}
		v = v.Children[f]
	}
	switch {
	case valid == nil:
		return v
	case v.Valid != nil:
		p.valid = column.And(p.valid, valid, v.Valid, v.N)
		valid = p.valid
	}
	p.head = *v
	p.head.Valid = valid
	return &p.head
}

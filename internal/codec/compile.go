package codec

import (
	"reflect"
	"strings"
)

// compiler builds the programs of one root type and of the types it is made of.
type compiler struct {
	customs  map[reflect.Type]*custom
	root     reflect.Type
	key      bool     // key programs instead of value programs
	path     []string // segments from the root to the type being compiled
	home     string   // package of the outermost named struct around the type being compiled
	programs map[reflect.Type]*program
	backrefs int // references to types that are not finished or are recursive, so far
}

func newCompiler(root reflect.Type, customs map[reflect.Type]*custom, key bool) *compiler {
	return &compiler{
		customs: customs, root: root, key: key,
		programs: make(map[reflect.Type]*program),
	}
}

// compile returns the program of t. That of a type which is being compiled further up is returned
// unfinished: it may be pointed to, not inlined.
func (c *compiler) compile(t reflect.Type) (*program, error) {
	if pr, ok := c.programs[t]; ok {
		if !pr.done || pr.recursive {
			c.backrefs++
		}
		return pr, nil
	}
	pr := &program{typ: t, size: t.Size(), min: 1}
	c.programs[t] = pr
	before := c.backrefs
	fill := c.fill
	if c.key {
		fill = c.fillKey
	}
	if err := fill(pr); err != nil {
		return nil, err
	}
	pr.recursive = c.backrefs > before
	pr.done = true
	return pr, nil
}

// compileAt compiles t, which is found at a path segment below the current type.
func (c *compiler) compileAt(segment string, t reflect.Type) (*program, error) {
	c.push(segment)
	defer c.pop()
	return c.compile(t)
}

func (c *compiler) push(segment string) { c.path = append(c.path, segment) }
func (c *compiler) pop()                { c.path = c.path[:len(c.path)-1] }

// refuse makes the error for the type at the current path.
func (c *compiler) refuse(t reflect.Type, reason, advice string) error {
	return &TypeError{
		Root: c.root, Type: t, Path: c.root.String() + strings.Join(c.path, ""),
		Reason: reason, Advice: advice,
	}
}

func (c *compiler) advice() string {
	for _, segment := range c.path {
		if segment[0] == '.' {
			return adviceField
		}
	}
	return adviceRoot
}

// fill compiles the value program of pr.typ into pr.
func (c *compiler) fill(pr *program) error {
	t := pr.typ
	switch kind := c.kindOf(t); kind {
	case KindBool:
		pr.fixedOps(op{code: opBool, n: 1})
	case KindInt8, KindUint8, KindInt16, KindUint16, KindInt32, KindUint32, KindInt64, KindUint64,
		KindFloat32, KindFloat64, KindDuration:
		pr.fixedOps(fixOp(0, t.Size()))
	case KindComplex64, KindComplex128:
		half := t.Size() / 2
		pr.fixedOps(fuse([]op{fixOp(0, half), fixOp(half, half)})...)
	case KindTime:
		pr.fixedOps(op{code: opTime, n: 12})
	case KindString:
		pr.ops = []op{{code: opString}}
	case KindBytes:
		pr.ops = []op{{code: opBytes}}
	case KindBigInt:
		pr.ops = []op{{code: opBigInt}}
	case KindBigRat:
		pr.ops, pr.min = []op{{code: opBigRat}}, 2
	case KindBigFloat:
		pr.ops = []op{{code: opBigFloat}}
	case KindBinary:
		pr.ops, pr.lossy = []op{{code: opMarshal, user: newMarshaler(t)}}, true
	case KindCustom:
		pr.ops, pr.lossy = []op{{code: opCustom, user: &user{typ: t, custom: c.customs[t]}}}, true
	case KindPointer:
		return c.fillPointer(pr)
	case KindSlice:
		return c.fillSlice(pr)
	case KindMap:
		return c.fillMap(pr)
	case KindArray:
		return c.fillArray(pr)
	case KindStruct:
		return c.fillStruct(pr)
	default:
		return c.refuse(t, "cannot be encoded", c.advice())
	}
	// Two instants that differ in their location are two map keys but one encoding.
	pr.lossy = pr.lossy || t == timeType
	return nil
}

func (c *compiler) fillPointer(pr *program) error {
	sub, err := c.compile(pr.typ.Elem())
	if err != nil {
		return err
	}
	pr.ops, pr.lossy = []op{{code: opPointer, sub: sub}}, true
	return nil
}

func (c *compiler) fillSlice(pr *program) error {
	sub, err := c.compileAt("[]", pr.typ.Elem())
	if err != nil {
		return err
	}
	o := op{code: opSlice, sub: sub, slice: pr.typ}
	switch { // an unfinished sub has no ops yet, and stays with opSlice
	case littleEndian && sub.isPlain():
		o.code = opBulk
	case pr.typ.Elem().Kind() == reflect.String && sub.ops[0].code == opString:
		o.code = opStrings
	}
	o.scan = !pointerFree(pr.typ.Elem(), false)
	pr.ops = []op{o}
	return nil
}

func (c *compiler) fillMap(pr *program) error {
	key, err := c.compileAt("[key]", pr.typ.Key())
	if err != nil {
		return err
	}
	value, err := c.compileAt("[value]", pr.typ.Elem())
	if err != nil {
		return err
	}
	pr.ops = []op{{code: opMap, maps: newMapOp(pr.typ, key, value)}}
	return nil
}

func (c *compiler) fillArray(pr *program) error {
	sub, err := c.compileAt("[]", pr.typ.Elem())
	if err != nil {
		return err
	}
	n := pr.typ.Len()
	pr.min, pr.fixed = n*sub.min, sub.fixed || n == 0
	pr.skips, pr.lossy = sub.skips, sub.lossy
	switch {
	case n == 0 || sub.done && len(sub.ops) == 0:
	case sub.done && sub.isPlain() && (littleEndian || sub.size == 1):
		pr.ops = []op{{code: opCopy, n: uintptr(n) * sub.size}}
	default:
		pr.ops = []op{{code: opArray, n: uintptr(n), sub: sub}}
	}
	return nil
}

func (c *compiler) fillStruct(pr *program) error {
	leave, err := c.enterStruct(pr.typ)
	if err != nil {
		return err
	}
	defer leave()
	fields, skips, err := c.fieldsOf(pr.typ)
	if err != nil {
		return err
	}
	pr.min, pr.fixed, pr.skips, pr.lossy = 0, true, skips, skips
	for _, f := range fields {
		sub, err := c.compileAt("."+f.goName, f.typ)
		if err != nil {
			return err
		}
		pr.min += sub.min
		pr.fixed = pr.fixed && sub.fixed
		pr.skips = pr.skips || sub.skips
		pr.lossy = pr.lossy || sub.lossy
		pr.inline(sub, f.off)
	}
	pr.ops = fuse(pr.ops)
	return nil
}

// enterStruct refuses an opaque struct; otherwise its package becomes home, if there is none yet,
// until leave is called. A generic struct has none: it is a wrapper around types of other packages.
func (c *compiler) enterStruct(t reflect.Type) (leave func(), err error) {
	if c.isOpaque(t) {
		what := "encoded"
		if c.key {
			what = "part of a key"
		}
		reason := "has only unexported fields of another package and cannot be " + what
		return nil, c.refuse(t, reason, c.advice())
	}
	old := c.home
	if old == "" && !strings.Contains(t.Name(), "[") {
		c.home = t.PkgPath()
	}
	return func() { c.home = old }, nil
}

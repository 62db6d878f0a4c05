package codec

import (
	"fmt"
	"math/big"
	"slices"
	"strings"
)

// Conversion turns encodings by one schema into encodings by another, without the Go types of
// either. It is immutable; any number of goroutines may use it.
type Conversion struct{ root *conv }

// conv converts one part of a value. Which of the fields count depends on code.
type conv struct {
	code   convCode
	same   bool   // what is written is what is read
	signed bool   // the number that is read
	n      int    // bytes that are read, or elements of an array
	to     int    // bytes of the number that is written
	fixed  int    // bytes that are always read; -1 if they vary
	zero   []byte // what nil becomes
	key    *conv
	sub    *conv
	fields []convField // of the struct that is read
	order  []int       // numbers of fields in the order in which they are written; nil if as read
	tail   []byte      // zeros of new fields that are written last
}

// convField is a field of a struct that is read. Without a conversion it is dropped.
type convField struct {
	conv   *conv
	isKept bool
	before []byte // zeros of new fields that are written ahead of it
}

type convCode uint8

const (
	convFixed   convCode = iota + 1 // n bytes
	convSized                       // uvarint length, bytes
	convBytes                       // uvarint length+1, bytes
	convBigInt                      // magnitude with its head
	convBigRat                      // two of them
	convWiden                       // integer of n bytes to one of more
	convFloat                       // integer or float of n bytes to a float of more
	convComplex                     // complex64 to complex128
	convStruct
	convSlice
	convArray
	convMap
	convPointer
	convBox   // value to pointer
	convUnbox // pointer to value
)

// ConvertError says that values of one schema cannot become values of another, and where.
type ConvertError struct {
	Path     string // of the field, such as main.Order.Items[].Price
	From, To string // the schemas there, as text
	Reason   string // what stands against it
}

// Error names the path, both schemas and the reason. The way out is for who knows what the value is.
func (e *ConvertError) Error() string {
	return fmt.Sprintf("%s cannot change from %s to %s: %s", e.Path, e.From, e.To, e.Reason)
}

// Convert returns the conversion from one schema to another. Fields of structs are matched by their
// names, or by those that their tags say they had (`flott:"name,was=old"`); what the old schema does
// not have is zero, what the new one does not have is dropped. Numbers become wider ones that hold
// them exactly, values become pointers to them, and pointers values, nil being the zero. Names of
// types do not count. The error is a *ConvertError.
func Convert(from, to Schema) (*Conversion, error) {
	c := converter{from: &from, to: &to, made: map[[2]*Schema]*conv{}, path: []string{rootName(&to)}}
	root, err := c.convert(&from, &to)
	if err != nil {
		return nil, err
	}
	c.findSame()
	return &Conversion{root}, nil
}

// rootName is how the path of an error begins.
func rootName(s *Schema) string {
	if s.Kind == KindStruct {
		return s.Name
	}
	return "the value"
}

// Identity reports whether every encoding is its own conversion.
func (c *Conversion) Identity() bool { return c.root.same }

// converter compiles a conversion.
type converter struct {
	from, to *Schema // roots, for references
	made     map[[2]*Schema]*conv
	all      []*conv
	path     []string
}

func (c *converter) refuse(from, to *Schema, format string, args ...any) error {
	return &ConvertError{
		Path: strings.Join(c.path, ""), From: from.String(), To: to.String(),
		Reason: fmt.Sprintf(format, args...),
	}
}

// at is convert further down the path.
func (c *converter) at(segment string, from, to *Schema) (*conv, error) {
	c.path = append(c.path, segment)
	defer func() { c.path = c.path[:len(c.path)-1] }()
	return c.convert(from, to)
}

func (c *converter) convert(from, to *Schema) (*conv, error) {
	f, t := c.from.Resolve(from), c.to.Resolve(to)
	if f == nil || t == nil {
		return nil, c.refuse(from, to, "a reference leads nowhere")
	}
	pair := [2]*Schema{f, t}
	if v := c.made[pair]; v != nil {
		return v, nil
	}
	v := &conv{fixed: -1}
	c.made[pair] = v
	c.all = append(c.all, v)
	err := c.fill(v, f, t)
	if err == nil {
		v.fixed = v.fixedSize()
	}
	return v, err
}

// drop is the conversion that a field of from which is left out is read by.
func (c *converter) drop(segment string, from *Schema) (*conv, error) {
	d := converter{from: c.from, to: c.from, made: map[[2]*Schema]*conv{}, path: c.path}
	v, err := d.at(segment, from, from)
	d.findSame()
	return v, err
}

// fixedSize is conv.fixed, of a conversion whose parts have theirs.
func (v *conv) fixedSize() int {
	switch v.code {
	case convFixed, convWiden, convFloat, convComplex:
		return v.n
	case convBox:
		return v.sub.fixed
	case convArray:
		if v.n == 0 {
			return 0
		}
		if v.sub.fixed >= 0 {
			return v.n * v.sub.fixed
		}
	case convStruct:
		n := 0
		for _, f := range v.fields {
			if f.conv.fixed < 0 {
				return -1
			}
			n += f.conv.fixed
		}
		return n
	}
	return -1
}

// findSame finds out what is written as it is read. A part that contains itself is, unless another
// part of it is not: so all are taken to be, until one is found not to.
func (c *converter) findSame() {
	for _, v := range c.all {
		v.same = v.code <= convBigRat || v.code >= convStruct && v.code <= convPointer
	}
	for again := true; again; {
		again = false
		for _, v := range c.all {
			if v.same && !v.partsSame() {
				v.same, again = false, true
			}
		}
	}
}

func (v *conv) partsSame() bool {
	if v.sub != nil && !v.sub.same || v.key != nil && !v.key.same || v.order != nil || len(v.tail) > 0 {
		return false
	}
	for _, f := range v.fields {
		if !f.isKept || !f.conv.same || len(f.before) > 0 {
			return false
		}
	}
	return true
}

// fill compiles the conversion from one resolved schema to another.
func (c *converter) fill(v *conv, from, to *Schema) error {
	if from.Kind != to.Kind {
		return c.fillOther(v, from, to)
	}
	var err error
	switch from.Kind {
	case KindString, KindBigFloat:
		v.code = convSized
	case KindBytes:
		v.code = convBytes
	case KindBigInt:
		v.code = convBigInt
	case KindBigRat:
		v.code = convBigRat
	case KindBinary, KindCustom:
		if from.Name != to.Name && (from.Kind == KindCustom || !isMoved(from.Name, to.Name)) {
			return c.refuse(from, to, "it has an encoding of its own")
		}
		v.code = convSized
	case KindStruct:
		return c.fillStruct(v, from, to)
	case KindSlice:
		v.code = convSlice
		if v.sub, err = c.at("[]", from.Elem, to.Elem); err == nil {
			err = c.checkElement(v.sub, from, to)
		}
	case KindArray:
		v.code, v.n = convArray, from.Len
		if from.Len != to.Len {
			return c.refuse(from, to, "the lengths of the arrays differ")
		}
		v.sub, err = c.at("[]", from.Elem, to.Elem)
	case KindMap:
		return c.fillMap(v, from, to)
	case KindPointer:
		v.code = convPointer
		v.sub, err = c.convert(from.Elem, to.Elem)
	default:
		v.code, v.n = convFixed, fixedBytes(from.Kind)
	}
	return err
}

// fillOther compiles the conversion between two kinds.
func (c *converter) fillOther(v *conv, from, to *Schema) (err error) {
	switch f, t := numberOf(from.Kind), numberOf(to.Kind); {
	case to.Kind == KindPointer:
		v.code = convBox
		v.sub, err = c.convert(from, to.Elem)
		return err
	case from.Kind == KindPointer:
		v.code = convUnbox
		if v.zero, err = c.appendZero(nil, to, 0); err == nil {
			v.sub, err = c.convert(from.Elem, to)
		}
		return err
	case isWord(from.Kind, to.Kind):
		v.code, v.n = convFixed, 8
	case from.Kind == KindComplex64 && to.Kind == KindComplex128:
		v.code, v.n = convComplex, 8
	case f.bits == 0 || t.bits == 0:
		return c.refuse(from, to, "they are different kinds of values")
	case t.holds(f):
		v.code, v.n, v.to, v.signed = convWiden, fixedBytes(from.Kind), fixedBytes(to.Kind), f.signed
		if t.isFloat {
			v.code = convFloat
			if f.isFloat {
				v.to = -v.to // from a float
			}
		}
	default:
		return c.refuse(from, to, "the new type does not hold every value of the old one")
	}
	return nil
}

// isWord reports whether one kind is a time.Duration and the other the int64 that it is.
func isWord(a, b Kind) bool {
	return a == KindDuration && b == KindInt64 || a == KindInt64 && b == KindDuration
}

// number is what a kind of numbers holds exactly.
type number struct {
	bits            int // of the magnitude
	signed, isFloat bool
}

func numberOf(k Kind) number {
	switch k {
	case KindInt8, KindInt16, KindInt32, KindInt64:
		return number{fixedBytes(k)*8 - 1, true, false}
	case KindUint8, KindUint16, KindUint32, KindUint64:
		return number{fixedBytes(k) * 8, false, false}
	case KindFloat32:
		return number{24, true, true}
	case KindFloat64:
		return number{53, true, true}
	}
	return number{}
}

func (n number) holds(of number) bool {
	return n.bits >= of.bits && (n.signed || !of.signed) && (n.isFloat || !of.isFloat)
}

// fixedBytes is the size of values of a kind that all have the same.
func fixedBytes(k Kind) int {
	switch k {
	case KindBool, KindInt8, KindUint8:
		return 1
	case KindInt16, KindUint16:
		return 2
	case KindInt32, KindUint32, KindFloat32:
		return 4
	case KindTime:
		return 12
	case KindComplex128:
		return 16
	}
	return 8
}

// isMoved reports whether two names are those of a type in different packages.
func isMoved(a, b string) bool {
	x, xArgs, _ := strings.Cut(a, "[")
	y, yArgs, _ := strings.Cut(b, "[")
	return xArgs == yArgs && x[strings.LastIndexByte(x, '.')+1:] == y[strings.LastIndexByte(y, '.')+1:]
}

// checkElement refuses slices of elements without bytes: whether there is one byte for each is for
// the Go type to say.
func (c *converter) checkElement(sub *conv, from, to *Schema) error {
	var before, after int
	before = sub.fixed
	if after = sub.fixed; !sub.sameSize() {
		zero, err := c.appendZero(nil, to.Elem, 0)
		if err != nil {
			return nil // it has a part with a length, and that is a byte at least
		}
		after = len(zero)
	}
	if before == 0 || after == 0 {
		return c.refuse(from, to, "its elements have no encoding")
	}
	return nil
}

// sameSize reports whether what is written surely has as many bytes as what is read.
func (v *conv) sameSize() bool { return v.code <= convBigRat }

// fillMap compiles the conversion of a map. Entries are sorted by their encoded keys, which have to
// stay in this order and apart.
func (c *converter) fillMap(v *conv, from, to *Schema) error {
	v.code = convMap
	key := converter{from: c.from, to: c.to, made: map[[2]*Schema]*conv{}, path: c.path}
	var err error
	if v.key, err = key.at("[key]", from.Key, to.Key); err != nil {
		return err
	}
	if key.findSame(); !v.key.same && v.key.code != convWiden {
		return c.refuse(from, to, "keys may only become wider integers")
	}
	v.sub, err = c.at("[value]", from.Elem, to.Elem)
	return err
}

func (c *converter) fillStruct(v *conv, from, to *Schema) error {
	v.code = convStruct
	source := matchFields(from.Fields, to.Fields)
	v.fields = make([]convField, len(from.Fields))
	matched := false
	for j, i := range source {
		if i < 0 {
			continue
		}
		matched = true
		sub, err := c.at("."+to.Fields[j].Name, &from.Fields[i].Schema, &to.Fields[j].Schema)
		if err != nil {
			return err
		}
		v.fields[i] = convField{conv: sub, isKept: true}
	}
	if !matched && len(from.Fields) > 0 && len(to.Fields) > 0 {
		return c.refuse(from, to, "they have no field in common")
	}
	for i := range v.fields {
		if v.fields[i].isKept {
			continue
		}
		sub, err := c.drop("."+from.Fields[i].Name, &from.Fields[i].Schema)
		if err != nil {
			return err
		}
		v.fields[i].conv = sub
	}
	return c.arrange(v, source, to)
}

// matchFields returns, for each new field, the number of the old one that it comes from, or -1.
func matchFields(from, to []Field) []int {
	source := make([]int, len(to))
	taken := make([]bool, len(from))
	match := func(j int, name string) {
		i := slices.IndexFunc(from, func(f Field) bool { return f.Name == name })
		if i >= 0 && !taken[i] && source[j] < 0 {
			source[j], taken[i] = i, true
		}
	}
	for j := range to {
		source[j] = -1
		match(j, to[j].Name)
	}
	for j := range to {
		for _, name := range to[j].Was {
			match(j, name)
		}
	}
	return source
}

// arrange sets the order in which the fields of a struct are written, and the zeros of new ones.
func (c *converter) arrange(v *conv, source []int, to *Schema) error {
	var order []int
	var zeros []byte
	var err error
	for j, i := range source {
		if i < 0 {
			c.path = append(c.path, "."+to.Fields[j].Name)
			zeros, err = c.appendZero(zeros, &to.Fields[j].Schema, 0)
			c.path = c.path[:len(c.path)-1]
			if err != nil {
				return err
			}
			continue
		}
		v.fields[i].before, zeros = zeros, nil
		order = append(order, i)
	}
	if v.tail = zeros; !slices.IsSorted(order) {
		v.order = order
	}
	return nil
}

// appendZero appends the encoding of the zero value of a part of the new schema.
func (c *converter) appendZero(dst []byte, s *Schema, depth int) (out []byte, err error) {
	if s = c.to.Resolve(s); s == nil || depth > depthMax {
		return nil, c.refuse(&Schema{}, c.to, "the schema is malformed")
	}
	switch s.Kind {
	case KindString, KindBytes, KindSlice, KindMap, KindPointer, KindBigInt:
		return append(dst, 0), nil
	case KindBinary, KindCustom:
		return nil, c.refuse(&Schema{Kind: KindInvalid}, s,
			"it is new, and the zero of an encoding of its own is not known: make it a pointer")
	case KindStruct:
		for i := range s.Fields {
			if dst, err = c.appendZero(dst, &s.Fields[i].Schema, depth+1); err != nil {
				return nil, err
			}
		}
		return dst, nil
	case KindArray:
		for range s.Len {
			if dst, err = c.appendZero(dst, s.Elem, depth+1); err != nil {
				return nil, err
			}
		}
		return dst, nil
	case KindTime:
		return appendTime(dst, &zeroTime), nil
	case KindBigRat:
		return appendBigRat(dst, new(big.Rat)), nil
	case KindBigFloat:
		return appendBigFloat(dst, new(big.Float)), nil
	}
	return append(dst, make([]byte, fixedBytes(s.Kind))...), nil
}

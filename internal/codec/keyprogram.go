package codec

// Opcodes of key programs. They share op and program with those of values.
const (
	keyBool opcode = iota + 100

	keyUint16
	keyUint32
	keyUint64
	keyInt8
	keyInt16
	keyInt32
	keyInt64
	keyFloat32
	keyFloat64
	keyRaw // n bytes of uint8 that lie side by side
	keyString
	keyBytes
	keyTime
	keyArray
	keySlice
	keyCall
	keyBigInt
	keyBigRat
	keyUser // marshaler or custom
)

var keyCodes = [KindRef + 1]opcode{
	KindBool: keyBool, KindUint8: keyRaw, KindUint16: keyUint16, KindUint32: keyUint32,
	KindUint64: keyUint64, KindInt8: keyInt8, KindInt16: keyInt16, KindInt32: keyInt32,
	KindInt64: keyInt64, KindDuration: keyInt64, KindFloat32: keyFloat32, KindFloat64: keyFloat64,
}

// fillKey compiles the key program of pr.typ into pr.
func (c *compiler) fillKey(pr *program) error {
	t := pr.typ
	kind := c.kindOf(t)
	switch kind {
	case KindComplex64:
		pr.fixedOps(op{code: keyFloat32, n: 4}, op{code: keyFloat32, n: 4, off: 4})
	case KindComplex128:
		pr.fixedOps(op{code: keyFloat64, n: 8}, op{code: keyFloat64, n: 8, off: 8})
	case KindTime:
		pr.fixedOps(op{code: keyTime, n: 12})
	case KindString:
		pr.ops, pr.min = []op{{code: keyString}}, 2
	case KindBytes:
		pr.ops, pr.min = []op{{code: keyBytes}}, 2
	case KindBigInt:
		pr.ops = []op{{code: keyBigInt}}
	case KindBigRat:
		pr.ops = []op{{code: keyBigRat}}
	case KindBinary:
		pr.ops, pr.min = []op{{code: keyUser, user: newMarshaler(t)}}, 2
	case KindCustom:
		pr.ops, pr.min = []op{{code: keyUser, user: &user{typ: t, custom: c.customs[t]}}}, 2
	case KindSlice:
		sub, err := c.compileAt("[]", t.Elem())
		if err != nil {
			return err
		}
		pr.ops = []op{{code: keySlice, sub: sub, slice: t}}
	case KindArray:
		return c.fillKeyArray(pr)
	case KindStruct:
		return c.fillKeyStruct(pr)
	default:
		if keyCodes[kind] == 0 {
			return c.refuse(t, "cannot be part of a key", c.advice())
		}
		pr.fixedOps(op{code: keyCodes[kind], n: t.Size()})
	}
	return nil
}

func (c *compiler) fillKeyArray(pr *program) error {
	sub, err := c.compileAt("[]", pr.typ.Elem())
	if err != nil {
		return err
	}
	n := pr.typ.Len()
	pr.min, pr.fixed, pr.skips = n*sub.min, sub.fixed || n == 0, sub.skips
	switch {
	case n == 0 || sub.done && len(sub.ops) == 0:
	case sub.done && len(sub.ops) == 1 && sub.ops[0].code == keyRaw && sub.ops[0].n == sub.size:
		pr.ops = []op{{code: keyRaw, n: uintptr(n) * sub.size}}
	case sub.done && n*len(sub.ops) <= unrollMax:
		for i := range n {
			pr.inlineKey(sub, uintptr(i)*sub.size)
		}
	default:
		pr.ops = []op{{code: keyArray, n: uintptr(n), sub: sub}}
	}
	return nil
}

// unrollMax is the number of ops up to which an array of them is unrolled.
const unrollMax = 16

func (c *compiler) fillKeyStruct(pr *program) error {
	leave, err := c.enterStruct(pr.typ)
	if err != nil {
		return err
	}
	defer leave()
	fields, skips, err := c.fieldsOf(pr.typ)
	if err != nil {
		return err
	}
	pr.min, pr.fixed, pr.skips = 0, true, skips
	for _, f := range fields {
		sub, err := c.compileAt("."+f.goName, f.typ)
		if err != nil {
			return err
		}
		pr.min += sub.min
		pr.fixed = pr.fixed && sub.fixed
		pr.inlineKey(sub, f.off)
	}
	return nil
}

// inlineKey appends the ops of sub to pr, moved by off, and joins bytes that lie side by side.
func (pr *program) inlineKey(sub *program, off uintptr) {
	if !sub.done {
		pr.ops = append(pr.ops, op{code: keyCall, off: off, sub: sub})
		return
	}
	for _, o := range sub.ops {
		o.off += off
		if last := len(pr.ops) - 1; last >= 0 && o.code == keyRaw && pr.ops[last].code == keyRaw &&
			pr.ops[last].off+pr.ops[last].n == o.off {
			pr.ops[last].n += o.n
			continue
		}
		pr.ops = append(pr.ops, o)
	}
}

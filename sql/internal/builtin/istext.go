package builtin

import (
	"math"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

// textOrNumber is a text or a number.
var textOrNumber = Class{"<CHARACTER> or <NUMERIC>", func(t *row.Type) bool { return t.IsText() || t.IsNumeric() }, stay}

func init() {
	add("string",
		is("IS_ALPHA", "Whether the text has letters only, and one at least; never NULL.", allAre(unicode.IsLetter), false),
		is("IS_DIGIT", "Whether the text has digits only, and one at least, or the argument is a whole number; never NULL.",
			allAre(unicode.IsDigit), true),
		is("IS_DECIMAL", "Whether the text is a number, or the argument a whole one; never NULL.", isDecimal, true),
		&Def{
			Func:  expr.Func{Name: "HASH_CODE", Strict: true, Total: true, Compile: rows(hashCode)},
			Doc:   "The hash code that Java gives a text, a BOOLEAN, a number or a DECIMAL.",
			Typed: true, Args: []Arg{{"x", Class{"<CHARACTER>, <BOOLEAN>, <EXACT_NUMERIC> or <DOUBLE>", func(t *row.Type) bool {
				return t.IsText() || t.IsExact() || t.Kind == row.Boolean || t.Kind == row.Double
			}, stay}, false}},
			Result: isInt,
		},
	)
}

// is is a test of a text; whole is what it says of whole numbers.
func is(name, doc string, test func(s []byte) bool, whole bool) *Def {
	return &Def{
		Func: expr.Func{Name: name, Total: true, Compile: func(*expr.Call) expr.Kernel {
			return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
				t := args[0].Type
				for i := range n {
					if t.IsText() {
						out.Bools[i] = !args[0].IsNull(i) && test(args[0].Bytes(i))
						continue
					}
					out.Bools[i] = whole && t.IsInteger()
				}
			}
		}},
		Doc:   doc,
		Typed: true, Args: []Arg{{"s", textOrNumber, false}}, Result: isBool, Nulls: never,
	}
}

func allAre(is func(r rune) bool) func(s []byte) bool {
	return func(s []byte) bool {
		for i := 0; i < len(s); {
			r, n := utf8.DecodeRune(s[i:])
			if !is(r) {
				return false
			}
			i += n
		}
		return len(s) > 0
	}
}

// isDecimal reports whether Java reads a DOUBLE in a text: with blanks around it, and d or f behind it.
func isDecimal(b []byte) bool {
	s := strings.TrimFunc(string(b), func(r rune) bool { return r <= ' ' })
	unsigned := strings.TrimPrefix(strings.TrimPrefix(s, "+"), "-")
	if len(s)-len(unsigned) > 1 {
		return false
	}
	if unsigned == "NaN" || unsigned == "Infinity" {
		return true
	}
	isHex := strings.HasPrefix(unsigned, "0x") || strings.HasPrefix(unsigned, "0X")
	if n := len(unsigned); n > 0 && strings.IndexByte("dDfF", unsigned[n-1]) >= 0 && (!isHex || strings.ContainsAny(unsigned, "pP")) {
		unsigned = unsigned[:n-1]
	}
	if strings.ContainsAny(unsigned, "_iInN+-") && !strings.ContainsAny(unsigned, "eEpP") || strings.Contains(unsigned, "_") {
		return false
	}
	_, err := strconv.ParseFloat(unsigned, 64)
	if e, ok := err.(*strconv.NumError); ok {
		return e.Err == strconv.ErrRange
	}
	return true
}

func hashCode(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
	long := func(x int64) { out.I32[i] = int32(uint64(x) ^ uint64(x)>>32) }
	switch v := args[0]; column.FormOf(v.Type) {
	case column.FormBool:
		out.I32[i] = 1237
		if v.Bools[i] {
			out.I32[i] = 1231
		}
	case column.FormI32:
		out.I32[i] = v.I32[i]
	case column.FormI64:
		long(v.I64[i])
	case column.FormF64:
		long(int64(math.Float64bits(v.F64[i])))
	case column.FormDecimal:
		out.I32[i] = decimalHash(v.Decimal(i)) + int32(v.Type.Scale)
	default:
		out.I32[i] = javaHash(v.Bytes(i))
	}
	return true
}

// decimalHash is 31 times BigInteger.hashCode of Java, which is about words of 32 bits and the sign.
func decimalHash(d column.Int128) int32 {
	sign := int32(31)
	if d.Hi < 0 {
		d, sign = d.Neg(), -31
	}
	h := int32(0)
	for _, w := range []uint64{uint64(d.Hi) >> 32, uint64(d.Hi), d.Lo >> 32, d.Lo} {
		h = 31*h + int32(uint32(w))
	}
	return h * sign
}

// javaHash is String.hashCode of Java.
func javaHash(s []byte) int32 {
	h := int32(0)
	for len(s) > 0 {
		r, n := utf8.DecodeRune(s)
		if r > 0xffff {
			h = 31*h + 0xd800 + (r-0x10000)>>10
			r = 0xdc00 + (r-0x10000)&0x3ff
		}
		h = 31*h + r
		s = s[n:]
	}
	return h
}

package builtin

import (
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/jsonpath"
)

func init() {
	add("string", &Def{
		Func: expr.Func{Name: "PRINTF", Total: true, Compile: printf},
		Doc: "The text of a format of Java, such as '%5.2f %s', and values for it; NULL if they do not fit it. " +
			"DATE and TIME are numbers of days and milliseconds there, %t takes BIGINT as milliseconds, in UTC.",
		Args: []Arg{{"format", Text, false}, {"x", Any, true}}, Variadic: true, Result: isString,
		Check: func(args []expr.Expr) error {
			for _, a := range args[1:] {
				switch t := a.Type(); t.Kind {
				case row.Array, row.Map, row.Multiset, row.Row, row.Raw:
					return fmt.Errorf("PRINTF has no text of %s: use JSON_STRING of it", t.SQL())
				}
			}
			return nil
		},
	})
}

func printf(*expr.Call) expr.Kernel {
	parse := remember(func(s []byte) []*verb { return parseFormat(string(s)) })
	return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
		for i := range n {
			if args[0].IsNull(i) {
				out.AppendNull()
				continue
			}
			begin := len(out.Data)
			verbs := parse(args[0].Bytes(i))
			ok := verbs != nil
			for _, v := range verbs {
				if ok = ok && v.append(args[1:], i, out); !ok {
					break
				}
			}
			if !ok {
				out.Data = out.Data[:begin]
				out.AppendNull()
				continue
			}
			out.EndBytes()
		}
	}
}

// verb is a text, or a % with what it says.
type verb struct {
	text             string // if char is 0
	flags            string
	width, precision int // -1 if there is none
	char             byte
	part             byte // of a time, behind t
	upper            bool
	arg              int
}

// parseFormat reads a format, nil if it is not correct.
func parseFormat(s string) []*verb {
	verbs := []*verb{}
	next, last := 0, -1
	for s != "" {
		text, rest, more := strings.Cut(s, "%")
		if text != "" {
			verbs = append(verbs, &verb{text: text})
		}
		if s = rest; !more {
			break
		}
		v := &verb{width: -1, precision: -1}
		index := 0
		if n := digitsOf(s); n > 0 && n < len(s) && s[n] == '$' && s[0] != '0' {
			index, _ = strconv.Atoi(s[:n])
			s = s[n+1:]
		} else if strings.HasPrefix(s, "<") {
			index, s = -1, s[1:]
		}
		if s = v.modifiers(s); s == "" {
			return nil
		}
		v.char = s[0]
		if v.upper = strings.IndexByte("BHSCXEGAT", s[0]) >= 0; v.upper {
			v.char += 'a' - 'A'
		}
		if s = s[1:]; v.char == 't' {
			if s == "" {
				return nil
			}
			v.part, s = s[0], s[1:]
		}
		switch {
		case v.char == '%' || v.char == 'n':
		case index > 0:
			v.arg = index - 1
			last = v.arg
		case index < 0:
			v.arg = last
		default:
			v.arg = next
			last = next
			next++
		}
		if !v.isCorrect() {
			return nil
		}
		verbs = append(verbs, v)
	}
	return verbs
}

func digitsOf(s string) int {
	n := 0
	for n < len(s) && s[n] >= '0' && s[n] <= '9' {
		n++
	}
	return n
}

// modifiers reads flags, width and precision.
func (v *verb) modifiers(s string) string {
	n := 0
	for n < len(s) && strings.IndexByte("-#+ 0,(", s[n]) >= 0 {
		n++
	}
	v.flags, s = s[:n], s[n:]
	if n := digitsOf(s); n > 0 {
		v.width, _ = strconv.Atoi(s[:n])
		s = s[n:]
	}
	if strings.HasPrefix(s, ".") {
		n := digitsOf(s[1:])
		if n == 0 {
			return ""
		}
		v.precision, _ = strconv.Atoi(s[1 : n+1])
		s = s[n+1:]
	}
	return s
}

func (v *verb) has(flag string) bool { return strings.Contains(v.flags, flag) }

// isCorrect reports whether the verb is one of Java's and takes its flags.
func (v *verb) isCorrect() bool {
	allowed := map[byte]string{
		'b': "-", 'h': "-", 's': "-", 't': "-", 'c': "-", 'd': "-+ 0,(", 'o': "-#0", 'x': "-#0", 'e': "-#+ 0(", 'f': "-#+ 0,(",
		'g': "-+ 0,(", 'a': "-", '%': "-", 'n': "",
	}
	flags, ok := allowed[v.char]
	if !ok || v.arg < 0 || (v.has("-") || v.has("0")) && v.width < 0 || v.has("-") && v.has("0") || v.has("+") && v.has(" ") {
		return false
	}
	if v.precision >= 0 && strings.IndexByte("cdotxn%", v.char) >= 0 || v.width > 1<<20 || v.precision > 1<<20 {
		return false
	}
	return strings.Trim(v.flags, flags) == "" && (v.char != 't' || strings.IndexByte(timeParts, v.part) >= 0)
}

var errVerb = errors.New("the value does not fit the format")

func (v *verb) append(args []*column.Vector, i int, out *column.Vector) bool {
	switch {
	case v.char == 0:
		out.Data = append(out.Data, v.text...)
		return true
	case v.char == '%':
		out.Data = append(out.Data, v.padded("%")...)
		return true
	case v.char == 'n':
		out.Data = append(out.Data, '\n')
		return true
	case v.arg >= len(args):
		return false
	}
	s, err := v.format(args[v.arg], i)
	if v.upper {
		s = string(appendUpper(nil, []byte(s)))
	}
	out.Data = append(out.Data, v.padded(s)...)
	return err == nil
}

func (v *verb) padded(s string) string {
	missing := v.width - utf8.RuneCountInString(s)
	switch {
	case missing <= 0:
		return s
	case v.has("-"):
		return s + strings.Repeat(" ", missing)
	}
	return strings.Repeat(" ", missing) + s
}

func (v *verb) format(x *column.Vector, i int) (string, error) {
	if x.IsNull(i) {
		if v.char == 'b' {
			return v.short("false"), nil
		}
		return v.short("null"), nil
	}
	form := column.FormOf(x.Type)
	isWhole := form == column.FormI32 || form == column.FormI64
	switch v.char {
	case 's':
		return v.short(javaText(x, i)), nil
	case 'h':
		return v.short(strconv.FormatUint(uint64(uint32(hashOf(x, i))), 16)), nil
	case 't':
		if form == column.FormI64 && !x.Type.IsTimestamp() {
			return timePart(time.UnixMilli(x.I64[i]).UTC(), v.part), nil
		}
	case 'b':
		if form == column.FormBool {
			return v.short(strconv.FormatBool(x.Bools[i])), nil
		}
		return v.short("true"), nil
	case 'c':
		if form == column.FormI32 && x.I32[i] >= 0 {
			return string(x.I32[i]), nil
		}
	case 'd', 'o', 'x':
		if isWhole {
			return v.whole(wholeOf(x, i), x.Type.Kind), nil
		}
	case 'e', 'f', 'g', 'a':
		switch form {
		case column.FormF32:
			return v.float(jsonpath.FloatText(x.F32[i])), nil
		case column.FormF64:
			return v.float(jsonpath.DoubleText(x.F64[i])), nil
		}
	}
	return "", errVerb
}

// short is a text cut to the precision.
func (v *verb) short(s string) string {
	if v.precision < 0 {
		return s
	}
	return s[:skipRunes([]byte(s), v.precision)]
}

func wholeOf(x *column.Vector, i int) int64 {
	if column.FormOf(x.Type) == column.FormI64 {
		return x.I64[i]
	}
	return int64(x.I32[i])
}

// javaText is the text of a value as Flink's classes have it.
func javaText(x *column.Vector, i int) string {
	switch column.FormOf(x.Type) {
	case column.FormBool:
		return strconv.FormatBool(x.Bools[i])
	case column.FormI32, column.FormI64:
		return strconv.FormatInt(wholeOf(x, i), 10)
	case column.FormF32:
		return jsonpath.FloatText(x.F32[i])
	case column.FormF64:
		return jsonpath.DoubleText(x.F64[i])
	case column.FormDecimal:
		return plainDecimal(x.Decimal(i).String(), x.Type.Scale)
	case column.FormTimestamp:
		return string(appendISO(nil, x, i, true))
	}
	return string(x.Bytes(i))
}

// plainDecimal is an unscaled value with its point.
func plainDecimal(s string, scale int) string {
	s, negative := strings.CutPrefix(s, "-")
	if scale > 0 {
		if len(s) <= scale {
			s = strings.Repeat("0", scale+1-len(s)) + s
		}
		s = s[:len(s)-scale] + "." + s[len(s)-scale:]
	}
	if negative {
		s = "-" + s
	}
	return s
}

// appendISO appends a timestamp with a T: 2024-01-02T03:04:05.678. With short, seconds are left out if they are 0, and a
// fraction has 3, 6 or 9 digits.
func appendISO(dst []byte, x *column.Vector, i int, short bool) []byte {
	t := time.UnixMicro(x.I64[i]).UTC()
	nanos := t.Nanosecond()
	if x.Type.Precision > 6 {
		nanos += int(x.Nanos[i])
	}
	if short && nanos == 0 && t.Second() == 0 {
		return t.AppendFormat(dst, "2006-01-02T15:04")
	}
	dst = t.AppendFormat(dst, "2006-01-02T15:04:05")
	if nanos == 0 {
		return dst
	}
	fraction := fmt.Sprintf("%09d", nanos)
	if !short {
		return append(append(dst, '.'), strings.TrimRight(fraction, "0")...)
	}
	for strings.HasSuffix(fraction, "000") {
		fraction = fraction[:len(fraction)-3]
	}
	return append(append(dst, '.'), fraction...)
}

func (v *verb) whole(n int64, kind row.Kind) string {
	if v.char == 'd' {
		return v.signed(n < 0, strings.TrimPrefix(strconv.FormatInt(n, 10), "-"), "")
	}
	bits := map[row.Kind]uint{row.TinyInt: 8, row.SmallInt: 16, row.BigInt: 64, row.IntervalDay: 64}[kind]
	if bits == 0 {
		bits = 32
	}
	base, prefix := 16, "0x"
	if v.char == 'o' {
		base, prefix = 8, "0"
	}
	s := strconv.FormatUint(uint64(n)&(1<<bits-1), base)
	if !v.has("#") {
		prefix = ""
	}
	if v.has("0") && len(s)+len(prefix) < v.width {
		s = strings.Repeat("0", v.width-len(s)-len(prefix)) + s
	}
	return prefix + s
}

// signed is a number with its sign, groups and zeros.
func (v *verb) signed(negative bool, digits, rest string) string {
	if v.has(",") {
		for i := len(digits) - 3; i > 0; i -= 3 {
			digits = digits[:i] + "," + digits[i:]
		}
	}
	before, behind := "", ""
	switch {
	case negative && v.has("("):
		before, behind = "(", ")"
	case negative:
		before = "-"
	case v.has("+"):
		before = "+"
	case v.has(" "):
		before = " "
	}
	s := digits + rest
	if n := len(before) + len(s) + len(behind); v.has("0") && n < v.width {
		s = strings.Repeat("0", v.width-n) + s
	}
	return before + s + behind
}

// float formats a number, which is given by its shortest text: Java rounds that, half up.
func (v *verb) float(text string) string {
	text, negative := strings.CutPrefix(text, "-")
	if text[0] > '9' { // NaN, Infinity
		plain := *v
		plain.flags = strings.NewReplacer("0", "", ",", "").Replace(v.flags)
		if text == "NaN" {
			return text
		}
		return plain.signed(negative, text, "")
	}
	if v.char == 'a' {
		return v.signed(negative, hexFloat(text), "")
	}
	precision := v.precision
	if precision < 0 {
		precision = 6
	}
	x, _ := new(big.Rat).SetString(text)
	switch v.char {
	case 'f':
		return v.fixed(negative, x, precision)
	case 'e':
		return v.scientific(negative, x, precision)
	}
	// %g has precision significant digits, and an exponent outside 1e-4 to 10^precision.
	precision = max(precision, 1)
	exponent := exponentOf(x, precision)
	if x.Sign() == 0 {
		return v.fixed(negative, x, precision-1)
	}
	if exponent < -4 || exponent >= precision {
		return v.scientific(negative, x, precision-1)
	}
	return v.fixed(negative, x, precision-1-exponent)
}

// hexFloat is a number as Double.toHexString of Java has it: 0x1.0p0.
func hexFloat(text string) string {
	f, _ := strconv.ParseFloat(text, 64)
	mantissa, e, _ := strings.Cut(strconv.FormatFloat(f, 'x', -1, 64), "p")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	n, _ := strconv.Atoi(e)
	return mantissa + "p" + strconv.Itoa(n)
}

// roundHalfUp is x * 10^digits, rounded.
func roundHalfUp(x *big.Rat, digits int) *big.Int {
	y := new(big.Rat).Set(x)
	scale := new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(max(digits, -digits))), nil))
	if digits >= 0 {
		y.Mul(y, scale)
	} else {
		y.Quo(y, scale)
	}
	y.Add(y, big.NewRat(1, 2))
	return new(big.Int).Div(y.Num(), y.Denom())
}

func (v *verb) fixed(negative bool, x *big.Rat, precision int) string {
	whole, fraction, point := strings.Cut(plainDecimal(roundHalfUp(x, precision).String(), precision), ".")
	if point || v.has("#") {
		fraction = "." + fraction
	}
	return v.signed(negative, whole, fraction)
}

// exponentOf is the exponent of a number that is rounded to significant digits.
func exponentOf(x *big.Rat, digits int) int {
	if x.Sign() == 0 {
		return 0
	}
	f, _ := x.Float64()
	e := 0
	if s := strconv.FormatFloat(f, 'e', -1, 64); s != "" {
		e, _ = strconv.Atoi(s[strings.IndexByte(s, 'e')+1:])
	}
	if len(roundHalfUp(x, digits-1-e).String()) > digits {
		e++
	}
	return e
}

func (v *verb) scientific(negative bool, x *big.Rat, precision int) string {
	e := exponentOf(x, precision+1)
	digits := plainDecimal(roundHalfUp(x, precision-e).String(), precision)
	if v.has("#") && precision == 0 {
		digits += "."
	}
	return v.signed(negative, digits, fmt.Sprintf("e%+03d", e))
}

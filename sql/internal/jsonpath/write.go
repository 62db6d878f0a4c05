package jsonpath

import (
	"slices"
	"strings"
)

// Append appends a value as JSON, without spaces, the members of objects in the order of their names.
func Append(dst []byte, v *Value) []byte {
	switch v.Kind {
	case Null:
		return append(dst, "null"...)
	case False:
		return append(dst, "false"...)
	case True:
		return append(dst, "true"...)
	case Number:
		if c := v.Text[len(v.Text)-1]; c == 'y' || c == 'N' { // Infinity, NaN
			return AppendString(dst, v.Text)
		}
		return append(dst, v.Text...)
	case String:
		return AppendString(dst, v.Text)
	}
	if v.Kind == Object {
		return appendObject(dst, v)
	}
	dst = append(dst, '[')
	for i, x := range v.Items {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = Append(dst, x)
	}
	return append(dst, ']')
}

func appendObject(dst []byte, v *Value) []byte {
	order := make([]int, len(v.Names))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return strings.Compare(v.Names[i], v.Names[j]) })
	dst = append(dst, '{')
	for k, i := range order {
		if k > 0 {
			dst = append(dst, ',')
		}
		dst = append(AppendString(dst, v.Names[i]), ':')
		dst = Append(dst, v.Items[i])
	}
	return append(dst, '}')
}

// AppendString appends a JSON string, in which quotes, backslashes and control characters are escaped.
func AppendString[T string | []byte](dst []byte, s T) []byte {
	const hex = "0123456789ABCDEF"
	dst = append(dst, '"')
	from := 0
	for i := range len(s) {
		c := s[i]
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = append(dst, s[from:i]...)
		from = i + 1
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\b':
			dst = append(dst, `\b`...)
		case '\f':
			dst = append(dst, `\f`...)
		case '\n':
			dst = append(dst, `\n`...)
		case '\r':
			dst = append(dst, `\r`...)
		case '\t':
			dst = append(dst, `\t`...)
		default:
			dst = append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	return append(append(dst, s[from:]...), '"')
}

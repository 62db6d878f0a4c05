package json

import (
	"strconv"

	"github.com/flott-dev/flott/internal/valuetext"
)

// nested appends the text of an object or an array to a column of texts, as Jackson writes it: without
// white space, with the fewest escapes, and of equal keys the last one.
func (d *decoder) nested(n *node, i int) (end int, ok bool) {
	if end, ok = d.skip(i); ok && n.out != nil {
		n.out.Data = d.rewrite(n.out.Data, i, end)
		n.out.EndBytes()
	}
	return end, ok
}

// rewrite appends the value between i and end, which has been checked.
func (d *decoder) rewrite(dst []byte, i, end int) []byte {
	switch c := d.b[i]; {
	case c == '"':
		s := d.b[i+1 : end-1]
		return quote(dst, unescape(nil, s))
	case c == '-' || c-'0' <= 9:
		return d.rewriteNumber(dst, d.b[i:end])
	case c == '[':
		dst = append(dst, '[')
		i = space(d.b, i+1)
		for k := 0; d.b[i] != ']'; k++ {
			if k > 0 {
				dst = append(dst, ',')
			}
			to, _ := d.skip(i)
			dst = d.rewrite(dst, i, to)
			i = d.behind(to)
		}
		return append(dst, ']')
	case c == '{':
		return d.rewriteObject(dst, i)
	}
	return append(dst, d.b[i:end]...)
}

// behind is the place of the next item, or of the end of the container.
func (d *decoder) behind(i int) int {
	if i = space(d.b, i); d.b[i] == ',' {
		i = space(d.b, i+1)
	}
	return i
}

func (d *decoder) rewriteObject(dst []byte, i int) []byte {
	type entry struct {
		name     string
		from, to int
	}
	var entries []entry
	at := map[string]int{}
	for i = space(d.b, i+1); d.b[i] != '}'; {
		name, value, _ := d.key(i)
		key := string(name)
		to, _ := d.skip(value)
		if k, again := at[key]; again {
			entries[k].from, entries[k].to = value, to
		} else {
			at[key] = len(entries)
			entries = append(entries, entry{key, value, to})
		}
		i = d.behind(to)
	}
	dst = append(dst, '{')
	for k, e := range entries {
		if k > 0 {
			dst = append(dst, ',')
		}
		dst = append(quote(dst, []byte(e.name)), ':')
		dst = d.rewrite(dst, e.from, e.to)
	}
	return append(dst, '}')
}

// rewriteNumber appends a whole number as it is, but for -0; others as doubles, or exactly if the table
// has a DECIMAL anywhere.
func (d *decoder) rewriteNumber(dst, s []byte) []byte {
	for _, c := range s {
		if c == '.' || c|0x20 == 'e' {
			if d.exact {
				return valuetext.AppendNumber(dst, s)
			}
			f, _ := valuetext.Float(s, 64)
			return appendFloat(dst, f, 64)
		}
	}
	if n, ok := valuetext.Int(s, 64); ok {
		return strconv.AppendInt(dst, n, 10)
	}
	return append(dst, s...)
}

// quote appends a string in quotes, with those escapes that must be.
func quote(dst, s []byte) []byte {
	dst = append(dst, '"')
	done := 0
	for i, c := range s {
		if c >= ' ' && c != '"' && c != '\\' {
			continue
		}
		dst = escape(append(dst, s[done:i]...), c)
		done = i + 1
	}
	return append(append(dst, s[done:]...), '"')
}

func escape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, '\\', 'b')
	case '\t':
		return append(dst, '\\', 't')
	case '\n':
		return append(dst, '\\', 'n')
	case '\f':
		return append(dst, '\\', 'f')
	case '\r':
		return append(dst, '\\', 'r')
	}
	return hexEscape(dst, rune(c))
}

// hexEscape appends \uXXXX.
func hexEscape(dst []byte, r rune) []byte {
	const hex = "0123456789ABCDEF"
	return append(dst, '\\', 'u', hex[r>>12&15], hex[r>>8&15], hex[r>>4&15], hex[r&15])
}

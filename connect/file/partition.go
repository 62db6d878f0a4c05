package file

import (
	"fmt"
	"strconv"
	"strings"

	columns "github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/internal/valuetext"
	"github.com/flott-dev/flott/row"
)

// partitionable reports whether values of a type can name directories.
func partitionable(t *row.Type) bool {
	switch t.Kind {
	case row.Char, row.Varchar, row.Boolean, row.TinyInt, row.SmallInt, row.Int, row.BigInt, row.Float, row.Double, row.Date, row.Time, row.Timestamp:
		return true
	}
	return false
}

// partitionsOf reads the values of the partition columns from the directories of a path.
func (c *table) partitionsOf(path string) (values map[string]string, err error) {
	if len(c.partitions) == 0 {
		return nil, nil
	}
	values = map[string]string{}
	found := map[string]bool{}
	for _, dir := range strings.Split(path, "/") {
		name, text, ok := strings.Cut(dir, "=")
		if !ok {
			continue
		}
		name = unescapePath(name)
		if found[name] = true; text != c.empty {
			values[name] = unescapePath(text)
		}
	}
	for _, p := range c.partitions {
		if !found[p.Name] {
			return nil, fmt.Errorf("file: %q is in no partition: the table is partitioned by %s, so a directory %s=… is expected",
				path, p.Name, p.Name)
		}
	}
	return values, nil
}

// appendPartition appends the value that a directory names.
func appendPartition(v *columns.Vector, text string, ok bool) error {
	if !ok {
		v.AppendNull()
		return nil
	}
	b := []byte(text)
	switch v.Type.Kind {
	case row.Char, row.Varchar:
		v.AppendString(text)
		return nil
	case row.Boolean:
		x, err := strconv.ParseBool(strings.ToLower(text))
		if err == nil {
			v.AppendBool(x)
			return nil
		}
	case row.TinyInt, row.SmallInt, row.Int:
		bits := map[row.Kind]int{row.TinyInt: 8, row.SmallInt: 16, row.Int: 32}[v.Type.Kind]
		if x, ok := valuetext.Int(b, bits); ok {
			v.AppendI32(int32(x))
			return nil
		}
	case row.BigInt:
		if x, ok := valuetext.Int(b, 64); ok {
			v.AppendI64(x)
			return nil
		}
	case row.Float:
		if x, ok := valuetext.Float(b, 32); ok {
			v.AppendF32(float32(x))
			return nil
		}
	case row.Double:
		if x, ok := valuetext.Float(b, 64); ok {
			v.AppendF64(x)
			return nil
		}
	case row.Date:
		if x, ok := valuetext.Date(b); ok {
			v.AppendI32(x)
			return nil
		}
	case row.Time:
		if x, ok := valuetext.Time(b, valuetext.ISO); ok {
			v.AppendI32(valuetext.Millis(x, v.Type.Precision))
			return nil
		}
	case row.Timestamp:
		for _, between := range []byte{' ', 'T'} {
			if micros, nanos, ok := valuetext.Timestamp(b, between, valuetext.ISO); ok {
				v.AppendTimestamp(valuetext.Cut(micros, nanos, v.Type.Precision))
				return nil
			}
		}
	}
	return fmt.Errorf("%q is not a value of type %s", text, v.Type)
}

// appendDirectory appends the name of the directory for a value.
func (c *table) appendDirectory(dst []byte, name string, v *columns.Vector, i int) []byte {
	dst = append(escapePath(dst, []byte(name)), '=')
	if v.IsNull(i) {
		return append(dst, c.empty...)
	}
	var text []byte
	switch v.Type.Kind {
	case row.Boolean:
		text = strconv.AppendBool(text, v.Bools[i])
	case row.TinyInt, row.SmallInt, row.Int:
		text = strconv.AppendInt(text, int64(v.I32[i]), 10)
	case row.BigInt:
		text = strconv.AppendInt(text, v.I64[i], 10)
	case row.Float:
		text = valuetext.AppendFloat(text, float64(v.F32[i]), 32)
	case row.Double:
		text = valuetext.AppendFloat(text, v.F64[i], 64)
	case row.Date:
		text = valuetext.AppendDate(text, int64(v.I32[i]))
	case row.Time:
		text = valuetext.AppendTime(text, int64(v.I32[i])*1_000_000)
	case row.Timestamp:
		nanos := int32(0)
		if v.Type.Precision > 6 {
			nanos = v.Nanos[i]
		}
		text = valuetext.AppendDateTime(text, v.I64[i], nanos, true)
	default:
		text = v.Bytes(i)
	}
	if len(text) == 0 {
		return append(dst, c.empty...)
	}
	return escapePath(dst, text)
}

// escapePath writes characters that paths or URIs give a meaning as %XX, as Hive and Flink do.
func escapePath(dst, s []byte) []byte {
	const hex = "0123456789ABCDEF"
	for _, c := range s {
		if c < ' ' || c == 0x7F || strings.IndexByte("\"#%'*/:=?\\{[]^", c) >= 0 {
			dst = append(dst, '%', hex[c>>4], hex[c&15])
		} else {
			dst = append(dst, c)
		}
	}
	return dst
}

func unescapePath(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b []byte
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if x, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b = append(b, byte(x))
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	return string(b)
}

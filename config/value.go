package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

var errValue = errors.New("wrong value")

// unit is what a number is multiplied by.
type unit struct {
	names []string
	size  int64
}

var durations = []unit{
	{[]string{"ns", "nano", "nanosecond"}, 1},
	{[]string{"us", "µs", "micro", "microsecond"}, int64(time.Microsecond)},
	{[]string{"", "ms", "milli", "millisecond"}, int64(time.Millisecond)},
	{[]string{"s", "sec", "second"}, int64(time.Second)},
	{[]string{"m", "min", "minute"}, int64(time.Minute)},
	{[]string{"h", "hour"}, int64(time.Hour)},
	{[]string{"d", "day"}, 24 * int64(time.Hour)},
}

var sizes = []unit{
	{[]string{"", "b", "byte"}, 1},
	{[]string{"k", "kb", "kibibyte"}, 1 << 10},
	{[]string{"m", "mb", "mebibyte"}, 1 << 20},
	{[]string{"g", "gb", "gibibyte"}, 1 << 30},
	{[]string{"t", "tb", "tebibyte"}, 1 << 40},
}

// quantity parses a whole number and a unit, with or without space between them.
func quantity(text string, units []unit) (int64, error) {
	text = strings.ToLower(strings.TrimSpace(text))
	digits := 0
	for digits < len(text) && text[digits] >= '0' && text[digits] <= '9' {
		digits++
	}
	n, err := strconv.ParseInt(text[:digits], 10, 64)
	if err != nil {
		return 0, err
	}
	name := strings.TrimSpace(text[digits:])
	for _, u := range units {
		for _, other := range u.names {
			if name != other && (len(other) < 3 || name != other+"s") {
				continue
			}
			if n > math.MaxInt64/u.size {
				return 0, errValue
			}
			return n * u.size, nil
		}
	}
	return 0, errValue
}

// ParseDuration reads a duration as options have it: a whole number and a unit (ns, us, ms, s, min, h, d).
func ParseDuration(text string) (time.Duration, error) {
	n, err := quantity(text, durations)
	return time.Duration(n), err
}

// Duration declares an option whose values are durations.
func Duration(d Doc) *Option[time.Duration] {
	d.Type = "duration"
	return declare(d, "a duration: a whole number and a unit (ns, us, ms, s, min, h, d), such as 10 s or 500ms",
		ParseDuration)
}

// Size declares an option of sizes in bytes, at least 1.
func Size(d Doc) *Option[int64] {
	d.Type = "memory size"
	return declare(d, "a size of memory of at least one byte: a whole number and a unit (b, kb, mb, gb, tb), such as 64mb",
		func(text string) (int64, error) {
			n, err := quantity(text, sizes)
			if err == nil && n < 1 {
				err = errValue
			}
			return n, err
		})
}

// Bool declares an option that is true or false.
func Bool(d Doc) *Option[bool] {
	d.Type = "boolean"
	return declare(d, "true or false", func(text string) (bool, error) {
		switch strings.ToLower(text) {
		case "true":
			return true, nil
		case "false":
			return false, nil
		}
		return false, errValue
	})
}

// Int declares an option of whole numbers in a range.
func Int(d Doc, least, most int) *Option[int] {
	d.Type = "number"
	accepts := fmt.Sprintf("a whole number of at least %d", least)
	if most < math.MaxInt {
		accepts = fmt.Sprintf("a whole number from %d to %d", least, most)
	}
	return declare(d, accepts, func(text string) (int, error) {
		n, err := strconv.Atoi(text)
		if err == nil && (n < least || n > most) {
			err = errValue
		}
		return n, err
	})
}

// Float declares an option of numbers in a range.
func Float(d Doc, least, most float64) *Option[float64] {
	d.Type = "number"
	accepts := fmt.Sprintf("a number of at least %v", least)
	if most < math.MaxFloat64 {
		accepts = fmt.Sprintf("a number from %v to %v", least, most)
	}
	return declare(d, accepts, func(text string) (float64, error) {
		f, err := strconv.ParseFloat(text, 64)
		if err == nil && !(f >= least && f <= most) {
			err = errValue
		}
		return f, err
	})
}

// Text declares an option of texts that are not empty.
func Text(d Doc) *Option[string] {
	d.Type = "text"
	return declare(d, "a text that is not empty", func(text string) (string, error) {
		if text == "" {
			return "", errValue
		}
		return text, nil
	})
}

// Enum declares an option that takes each of the values, and the other names that also maps to one. Case does not count, and
// an underscore is a hyphen.
func Enum(d Doc, also map[string]string, values ...string) *Option[string] {
	d.Type = strings.Join(values, ", ")
	plain := func(s string) string { return strings.ReplaceAll(strings.ToLower(s), "_", "-") }
	return declare(d, "one of "+d.Type, func(text string) (string, error) {
		text = plain(text)
		for name, v := range also {
			if plain(name) == text {
				return v, nil
			}
		}
		for _, v := range values {
			if plain(v) == text {
				return v, nil
			}
		}
		return "", errValue
	})
}

// Pairs declares an option that takes a list of name:value, separated by commas or semicolons; in a file also a list, or
// keys below its own.
func Pairs(d Doc) *Option[map[string]string] {
	d.Type = "list"
	return declare(d, "a list of name:value, separated by commas", func(text string) (map[string]string, error) {
		m := map[string]string{}
		for _, item := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ';' }) {
			name, v, ok := strings.Cut(item, ":")
			if name = strings.TrimSpace(name); !ok || name == "" {
				return nil, errValue
			}
			m[name] = strings.TrimSpace(v)
		}
		return m, nil
	})
}

// AnyText declares an option of texts, the empty one too.
func AnyText(d Doc) *Option[string] {
	d.Type = "text"
	return declare(d, "a text", func(text string) (string, error) { return text, nil })
}

// Char declares an option whose values are one character.
func Char(d Doc) *Option[rune] {
	d.Type = "character"
	return declare(d, "one character", func(text string) (rune, error) {
		r, n := utf8.DecodeRuneInString(text)
		if n == 0 || n < len(text) || r == utf8.RuneError {
			return 0, errValue
		}
		return r, nil
	})
}

// Package accesslog reads, writes and makes up lines of Apache's combined log format:
//
//	host ident user [time] "request" status bytes "referer" "user agent"
//
// Data flow: [Generate] makes entries and [Entry.Append] lines of them, for files and sockets; a
// job's source hands lines to [Parse], whose entries it counts.
package accesslog

import (
	"strconv"
	"strings"
	"time"
)

// timeLayout is the time in a line, without its brackets.
const timeLayout = "02/Jan/2006:15:04:05 -0700"

// Entry is one request. What the log has as "-" is empty.
type Entry struct {
	Host  string // address or name of the client
	Ident string
	User  string
	Time  time.Time // to the second
	// Method, Path and Protocol are the request; one that is not of three words is the Path.
	Method, Path, Protocol string
	Status                 int
	Bytes                  int64
	Referer, Agent         string
}

// Append appends the line of e, without a newline.
func (e *Entry) Append(dst []byte) []byte {
	dst = append(word(dst, e.Host), ' ')
	dst = append(word(dst, e.Ident), ' ')
	dst = append(word(dst, e.User), " ["...)
	dst = e.Time.AppendFormat(dst, timeLayout)
	dst = append(dst, `] "`...)
	if e.Method != "" {
		dst = append(escape(dst, e.Method), ' ')
		dst = append(escape(dst, e.Path), ' ')
		dst = append(escape(dst, e.Protocol), `" `...)
	} else {
		dst = append(text(dst, e.Path), `" `...)
	}
	dst = append(strconv.AppendInt(dst, int64(e.Status), 10), ' ')
	if e.Bytes == 0 {
		dst = append(dst, '-')
	} else {
		dst = strconv.AppendInt(dst, e.Bytes, 10)
	}
	dst = append(dst, ` "`...)
	dst = append(text(dst, e.Referer), `" "`...)
	return append(text(dst, e.Agent), '"')
}

// String is the line of e.
func (e *Entry) String() string { return string(e.Append(nil)) }

// word appends s, whose spaces would end it.
func word(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, '-')
	}
	return append(dst, strings.ReplaceAll(s, " ", "%20")...)
}

func text(dst []byte, s string) []byte {
	if s == "" {
		return append(dst, '-')
	}
	if s == "-" {
		return append(dst, `\x2d`...)
	}
	return escape(dst, s)
}

const hex = "0123456789abcdef"

// escape appends s as Apache writes it: quotes, backslashes and what is not printable ASCII are
// escaped.
func escape(dst []byte, s string) []byte {
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, `\n`...)
		case c == '\r':
			dst = append(dst, `\r`...)
		case c == '\t':
			dst = append(dst, `\t`...)
		case c < ' ' || c > '~':
			dst = append(dst, '\\', 'x', hex[c>>4], hex[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return dst
}

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/flott-dev/flott/internal/logging"
)

// logLine is a line of a log that package logging has written.
type logLine struct {
	at    time.Time
	level slog.Level
	text  string
	attrs [][2]string // names and values, in order
}

// attr is the value of an attribute.
func (l *logLine) attr(name string) (value string, ok bool) {
	for _, a := range l.attrs {
		if a[0] == name {
			return a[1], true
		}
	}
	return "", false
}

// parseLogLine reads a line, text or JSON. Others, such as what a program has printed, are not ok.
func parseLogLine(line []byte) (l logLine, ok bool) {
	var all [][2]string
	if bytes.HasPrefix(line, []byte("{")) {
		all, ok = parseObject(line)
	} else if bytes.HasPrefix(line, []byte("time=")) {
		all, ok = parsePairs(string(line))
	}
	if !ok {
		return l, false
	}
	found := 0
	for _, a := range all {
		var err error
		switch a[0] {
		case slog.TimeKey:
			l.at, err = time.Parse(time.RFC3339Nano, a[1])
		case slog.LevelKey:
			err = l.level.UnmarshalText([]byte(a[1]))
		case slog.MessageKey:
			l.text = a[1]
		default:
			l.attrs = append(l.attrs, a)
			continue
		}
		if err != nil {
			return l, false
		}
		found++
	}
	return l, found == 3
}

// parseObject gives the members of a JSON object in their order; values that are no texts are as they are written.
func parseObject(line []byte) (all [][2]string, ok bool) {
	d := json.NewDecoder(bytes.NewReader(line))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return nil, false
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return nil, false
		}
		var raw json.RawMessage
		if err := d.Decode(&raw); err != nil {
			return nil, false
		}
		value := string(raw)
		if text := ""; json.Unmarshal(raw, &text) == nil && value != "null" {
			value = text
		}
		all = append(all, [2]string{name.(string), value})
	}
	_, err := d.Token()
	return all, err == nil && d.InputOffset() == int64(len(line))
}

// parsePairs gives the key=value of a line of text.
func parsePairs(line string) (all [][2]string, ok bool) {
	for line != "" {
		name, rest, found := strings.Cut(line, "=")
		if !found {
			return nil, false
		}
		if strings.HasPrefix(name, `"`) { // a name with spaces, or with =
			quoted, err := strconv.QuotedPrefix(line)
			if err != nil || !strings.HasPrefix(line[len(quoted):], "=") {
				return nil, false
			}
			name, _ = strconv.Unquote(quoted)
			rest = line[len(quoted)+1:]
		}
		value := rest
		if quoted, err := strconv.QuotedPrefix(rest); err == nil && quoted[0] == '"' {
			value, _ = strconv.Unquote(quoted)
			rest = rest[len(quoted):]
		} else {
			value, _, _ = strings.Cut(rest, " ")
			rest = rest[len(value):]
		}
		all = append(all, [2]string{name, value})
		if line = strings.TrimPrefix(rest, " "); rest != "" && line == rest {
			return nil, false
		}
	}
	return all, true
}

// logFilter says which lines are wanted.
type logFilter struct {
	level   slog.Level
	job     string // its id, or as much of its beginning as one writes, or its name; "" for any
	vertex  string // is part of its name; "" for any
	subtask int    // -1 for any
	any     bool   // all lines are wanted
}

// takes reports whether a line is wanted. What follows a line and is none itself, such as a stack, goes with it.
func (f *logFilter) takes(l *logLine) bool {
	if l.level < f.level {
		return false
	}
	if f.job != "" {
		name, _ := l.attr(logging.Job)
		id, _ := l.attr(logging.JobID)
		if name != f.job && !strings.HasPrefix(id, f.job) {
			return false
		}
	}
	if vertex, ok := l.attr(logging.Vertex); f.vertex != "" && (!ok || !strings.Contains(strings.ToLower(vertex), strings.ToLower(f.vertex))) {
		return false
	}
	if subtask, _ := l.attr(logging.Subtask); f.subtask >= 0 && subtask != strconv.Itoa(f.subtask) {
		return false
	}
	return true
}

// logPrinter prints the lines that are wanted, on a terminal in a form that people read.
type logPrinter struct {
	w        io.Writer
	filter   logFilter
	terminal bool
	rest     []byte // of a line that has not come whole
	follows  bool   // the last line was wanted
	head     string // is to be printed before the next line
}

// lineMax is how long a line may be until it is printed as if it were several.
const lineMax = 1 << 20

// Write takes the next bytes of a log.
func (p *logPrinter) Write(b []byte) (int, error) {
	p.rest = append(p.rest, b...)
	for {
		i := bytes.IndexByte(p.rest, '\n')
		if i < 0 {
			if len(p.rest) < lineMax {
				return len(b), nil
			}
			i = len(p.rest) - 1
		}
		line := p.rest[:i+1]
		if err := p.print(line); err != nil {
			return 0, err
		}
		p.rest = p.rest[i+1:]
	}
}

// Flush prints a last line without an end.
func (p *logPrinter) Flush() error {
	line := p.rest
	p.rest = nil
	if len(line) == 0 {
		return nil
	}
	return p.print(line)
}

// begin prints the head at once, if all lines are wanted.
func (p *logPrinter) begin() error {
	if !p.filter.any {
		return nil
	}
	_, err := io.WriteString(p.w, p.head)
	p.head = ""
	return err
}

func (p *logPrinter) print(line []byte) error {
	l, ok := logLine{}, false
	if p.terminal || !p.filter.any {
		l, ok = parseLogLine(bytes.TrimRight(line, "\n"))
	}
	switch {
	case p.filter.any:
		p.follows = true
	case ok:
		p.follows = p.filter.takes(&l)
	}
	if !p.follows {
		return nil
	}
	if ok && p.terminal {
		line = l.appendTo(nil)
	}
	if p.head != "" {
		line = append([]byte(p.head), line...)
		p.head = ""
	}
	_, err := p.w.Write(line)
	return err
}

// appendTo appends the line as people read it. Control characters are shown, not obeyed.
func (l *logLine) appendTo(b []byte) []byte {
	b = l.at.Local().AppendFormat(b, "15:04:05.000")
	b = fmt.Appendf(b, " %-5s %s", l.level, plainText(l.text))
	for _, a := range l.attrs {
		value := plainText(a[1])
		if value == "" || strings.ContainsAny(value, " \"=") {
			value = strconv.Quote(a[1])
		}
		b = fmt.Appendf(b, "  %s=%s", plainText(a[0]), value)
	}
	return append(b, '\n')
}

// plainText is a text without control characters.
func plainText(s string) string {
	return strings.Map(func(r rune) rune {
		if !strconv.IsPrint(r) {
			return '�'
		}
		return r
	}, s)
}

package file

import (
	"bytes"
	"encoding/json"
	"errors"

	"github.com/flott-dev/flott/connect"
)

// Lines is a source of the lines of text files, without the \n or \r\n at their ends. The pattern
// is a file, a directory or a pattern in the sense of filepath.Match.
//
// The lines of a batch share one piece of memory: a program that keeps few of many lines for long
// saves memory with strings.Clone.
func Lines(pattern string, options ...Option) connect.Source[string] {
	cfg := newConfig(pattern, options)
	cfg.ranges = true
	return &source[string]{cfg, func(*config) (format[string], error) { return &textFormat{}, nil }}
}

// JSONLines is a source of files with one JSON value in each line, decoded by encoding/json. Empty
// lines are passed over.
func JSONLines[T any](pattern string, options ...Option) connect.Source[T] {
	cfg := newConfig(pattern, options)
	cfg.ranges = true
	return &source[T]{cfg, func(*config) (format[T], error) { return &jsonFormat[T]{}, nil }}
}

// lineReader finds lines for the formats that consist of them.
type lineReader struct {
	scan scanner
	ends []int
}

// beginLines moves to the first line of a range.
func beginLines[T any](l *lineReader, r *reader[T], in *content) error {
	s := &r.splits[0]
	l.scan.reset(in, s.path, s.pos, r.cfg.lineBytesMax)
	if s.begun {
		return nil
	}
	if err := l.scan.skipLine(); err != nil {
		return err
	}
	s.pos, s.begun = l.scan.offset, true
	return nil
}

// take returns at most room lines.
func (l *lineReader) take(room int, limit int64) (text []byte, ends []int, err error) {
	if len(l.ends) < room {
		l.ends = make([]int, room)
	}
	text, n, err := l.scan.next(l.ends[:room], limit)
	return text, l.ends[:n], err
}

type textFormat struct{ lineReader }

func (f *textFormat) begin(r *reader[string], in *content) error {
	return beginLines(&f.lineReader, r, in)
}

//flott:hot
func (f *textFormat) poll(r *reader[string], out *connect.Output[string]) (bool, error) {
	s := &r.splits[0]
	text, ends, err := f.take(out.Room(), s.limit())
	if err != nil || len(ends) == 0 {
		return true, err
	}
	cut(out.Slots(len(ends)), string(text), ends)
	f.scan.consume(len(text))
	s.pos = f.scan.offset
	return false, nil
}

// cut makes a string of each line of text.
//
//flott:hot
func cut(out []string, text string, ends []int) {
	from := 0
	for i, to := range ends {
		out[i] = trimEnd(text[from:to])
		from = to
	}
}

type jsonFormat[T any] struct {
	lineReader
	value T
}

func (f *jsonFormat[T]) begin(r *reader[T], in *content) error {
	return beginLines(&f.lineReader, r, in)
}

func (f *jsonFormat[T]) poll(r *reader[T], out *connect.Output[T]) (bool, error) {
	s := &r.splits[0]
	text, ends, err := f.take(out.Room(), s.limit())
	if err != nil || len(ends) == 0 {
		return true, err
	}
	from := 0
	for _, to := range ends {
		line := trimEnd(text[from:to])
		from = to
		if len(bytes.TrimSpace(line)) == 0 {
			s.pos = f.scan.offset + int64(to)
			continue
		}
		f.value = *new(T)
		if err := json.Unmarshal(line, &f.value); err != nil {
			text := func() string { return string(line) }
			if err := r.bad(s.pos, 0, jsonColumn(err), text, err); err != nil {
				return false, err
			}
		} else {
			out.Emit(f.value)
		}
		s.pos = f.scan.offset + int64(to)
	}
	f.scan.consume(len(text))
	s.pos = f.scan.offset
	return false, nil
}

// jsonColumn is where in its line the decoder found an error, from 1; 0 when it does not tell.
func jsonColumn(err error) int {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return int(syntax.Offset)
	case errors.As(err, &kind):
		return int(kind.Offset)
	}
	return 0
}

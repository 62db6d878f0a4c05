package sql

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/flott-dev/flott/internal/redact"
	"github.com/flott-dev/flott/sql/internal/ast"
	"github.com/flott-dev/flott/sql/internal/bind"
	"github.com/flott-dev/flott/sql/internal/catalog"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/parse"
	"github.com/flott-dev/flott/sql/internal/physical"
	"github.com/flott-dev/flott/sql/internal/rule"
)

// ErrorKind is when a mistake shows.
type ErrorKind string

// The kinds of errors.
const (
	// Syntax is a text that is no statement.
	Syntax ErrorKind = "parse"
	// Invalid is a statement that names what is not there, or cannot be computed.
	Invalid ErrorKind = "validate"
	// Runtime is a job that has failed.
	Runtime ErrorKind = "runtime"
)

// Error is what is wrong with a statement.
type Error struct {
	Kind ErrorKind
	// Line and Column are where, from 1, in characters; 0 where it is not known.
	Line, Column int
	Msg          string
	// Hint is what to do; it may be empty.
	Hint string
	// Text is the line that the mistake is in, and Width how many characters of it are wrong.
	Text  string
	Width int
	// Err is the cause, nil if there is no other.
	Err error
}

// Error is one line with the place, the message and the hint.
func (e *Error) Error() string {
	s := e.Msg
	if e.Line > 0 {
		s = fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, s)
	}
	if e.Hint != "" {
		s += "; " + e.Hint
	}
	return s
}

// Unwrap is the cause.
func (e *Error) Unwrap() error { return e.Err }

// Show is the error with the line that it is in, and a mark under what is wrong.
func (e *Error) Show() string {
	s := e.Msg
	if e.Line > 0 {
		margin := fmt.Sprintf("%d | ", e.Line)
		s += "\n" + margin + e.Text + "\n" + strings.Repeat(" ", len(margin)+e.Column-1) + strings.Repeat("^", max(1, e.Width))
	}
	if e.Hint != "" {
		s += "\nhint: " + e.Hint
	}
	return s
}

// errorOf makes an Error of what a step says about a text.
func errorOf(text string, err error) error {
	if err == nil {
		return nil
	}
	var done *Error
	if errors.As(err, &done) {
		return done
	}
	e := &Error{Kind: Invalid, Msg: err.Error(), Err: err}
	var (
		syntax  *parse.Error
		invalid *bind.Error
		ruled   *rule.Error
		planned *physical.Error
		named   *catalog.Error
		failed  *expr.Error
	)
	switch {
	case errors.As(err, &syntax):
		e.Kind, e.Msg, e.Hint = Syntax, syntax.Msg, syntax.Hint
		e.at(text, syntax.Span)
	case errors.As(err, &invalid):
		e.Msg, e.Hint = invalid.Msg, invalid.Hint
		e.at(text, invalid.Span)
	case errors.As(err, &ruled):
		e.Msg = ruled.Msg
		e.at(text, ruled.Span)
	case errors.As(err, &planned):
		e.Msg, e.Hint = planned.Msg, planned.Hint
		e.at(text, planned.Span)
	case errors.As(err, &named):
		e.Msg, e.Hint = named.Msg, named.Hint
	case errors.As(err, &failed):
		e.Kind = Runtime
		e.at(text, failed.Span)
	}
	return e
}

// at finds the place of a part of a text.
func (e *Error) at(text string, s ast.Span) {
	if s == (ast.Span{}) || s.From > len(text) {
		return
	}
	begin := strings.LastIndexByte(text[:s.From], '\n') + 1
	end := len(text)
	if i := strings.IndexByte(text[s.From:], '\n'); i >= 0 {
		end = s.From + i
	}
	e.Line = strings.Count(text[:begin], "\n") + 1
	e.Column = utf8.RuneCountInString(text[begin:s.From]) + 1
	e.Text = redact.Statement(text)[begin:end]
	e.Width = utf8.RuneCountInString(text[s.From:max(s.From, min(s.To, end))])
}

package builtin

import (
	"bytes"
	"unicode/utf8"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/row"
	"github.com/flott-dev/flott/sql/internal/expr"
)

func init() {
	add("string",
		&Def{
			Func:  expr.Func{Name: "REPLACE", Strict: true, Total: true, Compile: appends(replace)},
			Doc:   "The text with another one for each occurrence of one.",
			Typed: true, Args: []Arg{{"s", Text, false}, {"from", Text, false}, {"to", Text, false}}, Result: isString,
		},
		&Def{
			Func: expr.Func{Name: "OVERLAY", Strict: true, Total: true, Compile: appends(overlay)},
			Doc: "The text with another one in the place of as many characters, or of a number of them, from one on; " +
				"the text itself if it has no such character.",
			Typed: true, Args: []Arg{{"s", Text, false}, {"by", Text, false}, {"from", Int, false}, {"length", Int, true}},
			Result: func(args []expr.Expr) *row.Type {
				t := joined(args[:2])
				return row.VarcharOf(t.Length)
			},
		},
		&Def{
			Func:  expr.Func{Name: "TRANSLATE", Total: true, Compile: translate},
			Doc:   "The text with the nth character of a second text for the nth of a first one, which is left out if there is none.",
			Typed: true, Args: []Arg{{"s", Text, false}, {"from", Text, false}, {"to", Text, false}}, Result: isString,
			Nulls: func(args []expr.Expr) bool { return takesNull(args[:1]) },
		},
	)
}

func replace(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
	s, from, to := args[0].Bytes(i), args[1].Bytes(i), args[2].Bytes(i)
	if len(from) == 0 { // before each character, and at the end
		for len(s) > 0 {
			_, n := utf8.DecodeRune(s)
			out.Data = append(append(out.Data, to...), s[:n]...)
			s = s[n:]
		}
		out.Data = append(out.Data, to...)
		return true
	}
	for {
		k := bytes.Index(s, from)
		if k < 0 {
			break
		}
		out.Data = append(append(out.Data, s[:k]...), to...)
		s = s[k+len(from):]
	}
	out.Data = append(out.Data, s...)
	return true
}

func overlay(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
	s, by, from := args[0].Bytes(i), args[1].Bytes(i), int(args[2].I32[i])
	begin := skipRunes(s, from-1)
	if from <= 0 || begin == len(s) {
		out.Data = append(out.Data, s...)
		return true
	}
	out.Data = append(append(out.Data, s[:begin]...), by...)
	length := utf8.RuneCount(by)
	if len(args) > 3 {
		length = int(args[3].I32[i])
	}
	if length > 0 { // Flink drops the rest where it is not
		rest := s[begin:]
		out.Data = append(out.Data, rest[skipRunes(rest, length):]...)
	}
	return true
}

func translate(*expr.Call) expr.Kernel {
	return func(_ *expr.Context, n int, args []*column.Vector, out *column.Vector) {
		for i := range n {
			if args[0].IsNull(i) {
				out.AppendNull()
				continue
			}
			var from, to []byte // NULL is as empty
			if !args[1].IsNull(i) {
				from = args[1].Bytes(i)
			}
			if !args[2].IsNull(i) {
				to = args[2].Bytes(i)
			}
			for s := args[0].Bytes(i); len(s) > 0; {
				_, size := utf8.DecodeRune(s)
				k := indexRune(from, s[:size])
				if k == 0 {
					out.Data = append(out.Data, s[:size]...)
				} else if rest := to[skipRunes(to, k-1):]; len(rest) > 0 {
					_, w := utf8.DecodeRune(rest)
					out.Data = append(out.Data, rest[:w]...)
				}
				s = s[size:]
			}
			out.EndBytes()
		}
	}
}

package jsonpath

import (
	"math"
	"strconv"
	"strings"
)

func isFunction(name string) bool {
	switch name {
	case "length", "size", "keys", "first", "last", "index", "concat", "append", "sum", "avg", "min", "max", "stddev":
		return true
	}
	return false
}

// call computes a function of a value.
func (f *finder) call(s *step, v *Value) (*Value, error) {
	name := s.call
	var args []*Value
	for _, a := range s.args {
		x := a.value
		if a.path != nil {
			var err error
			if x, err = a.path.Find(f.root); err != nil {
				return nil, err
			}
		}
		args = append(args, x)
	}
	switch name {
	case "length", "size":
		if n := length(v); n != nil {
			return n, nil
		}
		return &Value{}, nil
	case "keys":
		if v.Kind != Object {
			return &Value{}, nil
		}
		keys := &Value{Kind: Array}
		for _, n := range v.Names {
			keys.Items = append(keys.Items, &Value{Kind: String, Text: n})
		}
		return keys, nil
	case "first", "last", "index":
		return item(name, v, args)
	case "concat":
		return concat(v, args), nil
	case "append":
		if v.Kind != Array {
			return v, nil
		}
		return &Value{Kind: Array, Items: append(append([]*Value(nil), v.Items...), args...)}, nil
	}
	return statistic(name, v, args)
}

// length is the number of items, nil for a scalar.
func length(v *Value) *Value {
	if v == nil || v.IsScalar() {
		return nil
	}
	return &Value{Kind: Number, Text: strconv.Itoa(len(v.Items))}
}

func item(name string, v *Value, args []*Value) (*Value, error) {
	i := 0
	switch {
	case name == "last":
		i = -1
	case name == "index" && len(args) == 1:
		i, _ = strconv.Atoi(args[0].Text)
	}
	if i < 0 {
		i += len(v.Items)
	}
	if v.Kind != Array || i < 0 || i >= len(v.Items) {
		return nil, ErrNone
	}
	return v.Items[i], nil
}

// concat joins the texts of an array and of the arguments.
func concat(v *Value, args []*Value) *Value {
	var b strings.Builder
	if v.Kind == Array {
		for _, x := range v.Items {
			if x.Kind == String {
				b.WriteString(x.Text)
			}
		}
	}
	for _, x := range args {
		b.WriteString(x.Text)
	}
	return &Value{Kind: String, Text: b.String()}
}

// statistic computes a DOUBLE of the numbers of an array and of the arguments.
func statistic(name string, v *Value, args []*Value) (*Value, error) {
	n, sum, squares := 0.0, 0.0, 0.0
	low, high := math.Inf(1), math.Inf(-1)
	add := func(x *Value) {
		if x.Kind != Number {
			return
		}
		f, _ := strconv.ParseFloat(x.Text, 64)
		n, sum, squares = n+1, sum+f, squares+f*f
		low, high = min(low, f), max(high, f)
	}
	if v.Kind == Array {
		for _, x := range v.Items {
			add(x)
		}
	}
	for _, x := range args {
		add(x)
		for _, y := range x.Items {
			add(y)
		}
	}
	if n == 0 {
		return nil, ErrNone
	}
	switch name {
	case "avg":
		sum /= n
	case "min":
		sum = low
	case "max":
		sum = high
	case "stddev":
		sum = math.Sqrt(squares/n - sum*sum/n/n)
	}
	return &Value{Kind: Number, Text: DoubleText(sum)}, nil
}

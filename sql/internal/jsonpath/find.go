package jsonpath

// A Finder finds values in texts. The zero value is ready.
type Finder struct{ reader reader }

// Find is what a path leads to in the JSON value that a text begins with, until the next call: Read and Path.Find. Where the path
// names one member or item after the other, as most do, what it does not lead to is checked but not kept.
func (f *Finder) Find(p *Path, s []byte) (*Value, error) {
	if !p.plain {
		v, err := Read(s, false)
		if err != nil {
			return nil, err
		}
		return p.Find(v)
	}
	r := &f.reader
	r.s, r.i, r.values = s, 0, r.values[:0]
	r.space()
	v, err := r.find(0, p.steps)
	if err == nil && v == nil {
		err = ErrNone
	}
	return v, err
}

// isPlain reports whether all steps are one member, or one item counted from the first.
func isPlain(steps []*step) bool {
	for _, s := range steps {
		if s.kind == member && len(s.names) == 1 || s.kind == index && len(s.indexes) == 1 && s.indexes[0] >= 0 {
			continue
		}
		return false
	}
	return true
}

// find reads a value and returns what plain steps lead to in it, nil if nothing.
func (r *reader) find(depth int, steps []*step) (found *Value, err error) {
	if len(steps) == 0 {
		return r.value(depth)
	}
	if depth > 1000 {
		return nil, errDepth
	}
	s, end := steps[0], byte('}')
	switch c := r.peek(); {
	case c == '{' && s.kind == member:
	case c == '[' && s.kind == index:
		end = ']'
	default:
		return nil, r.skip(depth)
	}
	r.i++
	if r.space(); r.peek() == end {
		r.i++
		return nil, nil
	}
	for i := 0; ; i++ {
		here := false
		if end == '}' {
			here, err = r.name(s.names[0])
		} else {
			r.space()
			here = i == s.indexes[0]
		}
		switch {
		case err != nil:
		case here: // the last member of a name counts
			found, err = r.find(depth+1, steps[1:])
		default:
			err = r.skip(depth + 1)
		}
		if err != nil {
			return nil, err
		}
		if more, err := r.more(end); !more {
			return found, err
		}
	}
}

// name reads the name of a member up to its value, and reports whether it is the wanted one.
func (r *reader) name(want string) (bool, error) {
	if r.space(); r.peek() != '"' {
		return false, r.fail()
	}
	raw, escaped, err := r.raw()
	if err != nil {
		return false, err
	}
	if r.space(); r.peek() != ':' {
		return false, r.fail()
	}
	r.i++
	r.space()
	if escaped {
		raw, _ = AppendUnescaped(nil, raw)
	}
	return string(raw) == want, nil
}

// Check reports the kind of the JSON value that a text begins with, or what is wrong with it.
func Check(s []byte) (Kind, error) {
	r := reader{s: s}
	r.space()
	kind := Number
	switch r.peek() {
	case '{':
		kind = Object
	case '[':
		kind = Array
	case '"':
		kind = String
	case 'n', 't', 'f':
		return r.word()
	}
	return kind, r.skip(0)
}

// skip reads a value and keeps nothing.
func (r *reader) skip(depth int) (err error) {
	if depth > 1000 {
		return errDepth
	}
	c := r.peek()
	switch {
	case c == '"':
		_, _, err = r.raw()
		return err
	case c == '-' || c >= '0' && c <= '9':
		_, _, err = r.skipNumber()
		return err
	case c != '{' && c != '[':
		_, err = r.word()
		return err
	}
	end := c + 2 // the bracket that closes it
	r.i++
	if r.space(); r.peek() == end {
		r.i++
		return nil
	}
	for {
		if c == '{' {
			_, err = r.name("")
		} else {
			r.space()
		}
		if err == nil {
			err = r.skip(depth + 1)
		}
		if err != nil {
			return err
		}
		if more, err := r.more(end); !more {
			return err
		}
	}
}

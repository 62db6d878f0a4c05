package jsonpath

import (
	"testing"
)

// find is what a path finds in JSON text, as JSON.
func find(t *testing.T, text, path string) string {
	t.Helper()
	v, err := Read([]byte(text), false)
	if err != nil {
		t.Fatal(err)
	}
	p, err := Compile(path)
	if err != nil {
		return "not correct"
	}
	found, err := p.Find(v)
	if err != nil {
		return "none"
	}
	return string(Append(nil, found))
}

func TestFind(t *testing.T) {
	const store = `{"book":[
		{"title":"a","price":8.95,"tags":["x","y"]},
		{"title":"b","price":12.99,"isbn":"0-553"},
		{"title":"c","price":8.99,"tags":[]}],
		"bicycle":{"color":"red","price":19.95},"max":10,"null":null}`
	for _, c := range []struct{ path, want string }{
		{"$.max", "10"},
		{"max", "10"},
		{"$['max']", "10"},
		{"$.null", "null"},
		{"$.nothing", "none"},
		{"$.max.x", "none"},
		{"$.book[0].title", `"a"`},
		{"$.book[-1].title", `"c"`},
		{"$.book[3]", "none"},
		{"$.book[*].title", `["a","b","c"]`},
		{"$.book[0,2].title", `["a","c"]`},
		{"$.book[1:].title", `["b","c"]`},
		{"$.book[:-1].title", `["a","b"]`},
		{"$.book[*].isbn", `["0-553"]`},
		{"$..price", "[8.95,12.99,8.99,19.95]"},
		{"$..tags[0]", `["x"]`},
		{"$.bicycle.*", `["red",19.95]`},
		{"$.bicycle['color','price']", `{"color":"red","price":19.95}`},
		{"$.book[?(@.price < $.max)].title", `["a","c"]`},
		{"$.book[?(@.price<10&&@.title!='a')].title", `["c"]`},
		{"$.book[?(@.isbn)].title", `["b"]`},
		{"$.book[?(!@.isbn)].title", `["a","c"]`},
		{"$.book[?(!(@.isbn || @.title == 'a'))].title", `["c"]`},
		{"$.book[?(@.title in ['a', 'c'])].title", `["a","c"]`},
		{"$.book[?(@.title nin ['a', 'c'])].title", `["b"]`},
		{"$.book[?(@.title =~ /[AB]/i)].title", `["a","b"]`},
		{"$.book[?(@.tags contains 'x')].title", `["a"]`},
		{"$.book[?(@.tags size 2)].title", `["a"]`},
		{"$.book[?(@.tags empty true)].title", `["c"]`},
		{"$.book[?(@.tags subsetof ['x','y','z'])].title", `["a","c"]`},
		{"$.book[?(@.tags anyof ['x'])].title", `["a"]`},
		{"$.book[?(@.tags noneof ['x'])].title", `["c"]`},
		{"$.book.length()", "3"},
		{"$.book[0].keys()", `["title","price","tags"]`},
		{"$.book[0].tags.concat('-')", `"xy-"`},
		{"$.max.length()", "null"},
		{"$.book[0].tags.first()", `"x"`},
		{"$.", "not correct"},
		{"$[", "not correct"},
		{"$.a b", "not correct"},
		{"$..", "not correct"},
		{"$.book.nope()", "not correct"},
		{"$.book[?(@.a]", "not correct"},
	} {
		if got := find(t, store, c.path); got != c.want {
			t.Errorf("%s finds %s, want %s", c.path, got, c.want)
		}
	}
}

func TestRead(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{` {"b":1, "a":[1.50,1e5,-0,-0.0,1E-7,0.000001,123e-2]} x`, `{"a":[1.50,1E+5,0,0.0,1E-7,0.000001,1.23],"b":1}`},
		{`"\u00e9\ud83d\ude00\n\u0001/\/"`, "\"é😀\\n\\u0001//\""},
		{`{"a":1,"a":2}`, `{"a":2}`},
		{`[true,false,null]`, `[true,false,null]`},
		{`tru`, ""},
		{`nullx`, ""},
		{`01`, ""},
		{`1.`, ""},
		{`+1`, ""},
		{`[1,]`, ""},
		{`{"a"}`, ""},
		{`{a:1}`, ""},
		{"\"a\tb\"", ""},
		{`"\x"`, ""},
		{`"\u12"`, ""},
		{``, ""},
	} {
		v, err := Read([]byte(c.text), false)
		if got := ""; err != nil {
			if c.want != "" {
				t.Errorf("%s: %v", c.text, err)
			}
		} else if got = string(Append(nil, v)); got != c.want {
			t.Errorf("%s is %s, want %s", c.text, got, c.want)
		}
	}
	if _, err := Read([]byte(`[{"a":1,"a":2}]`), true); err == nil {
		t.Error("a name comes twice in an object")
	}
}

// FuzzRead reads what Append has made of anything that can be read, and gets the same.
func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"a":[1,2.5,"\u00e9",null,true,1e5]}`))
	f.Fuzz(func(t *testing.T, s []byte) {
		v, err := Read(s, false)
		if err != nil {
			return
		}
		once := Append(nil, v)
		w, err := Read(once, false)
		if err != nil {
			t.Fatalf("%q is written as %q: %v", s, once, err)
		}
		if twice := Append(nil, w); string(once) != string(twice) {
			t.Fatalf("%q is written as %q, and that as %q", s, once, twice)
		}
	})
}

func FuzzCompile(f *testing.F) {
	f.Add("$.a['b'][0,1]..c[?(@.d =~ /e/ && $.f >= 1)].length()")
	v, err := Read([]byte(`{"a":{"b":[{"c":1,"d":"e"},[1,2]]},"f":2}`), false)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(_ *testing.T, s string) {
		if p, err := Compile(s); err == nil {
			_, _ = p.Find(v)
		}
	})
}

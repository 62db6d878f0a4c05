package rest

import (
	"bytes"
	"strings"
	"testing"
)

// TestThrowable: texts in the object of Java are as Java has them, whatever they are made of and however long.
func TestThrowable(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"a\x00é…😀", "\x74\x00\x0ea\xc0\x80\xc3\xa9\xe2\x80\xa6\xed\xa0\xbd\xed\xb8\x80"},
		{"\xff", "\x74\x00\x03\xef\xbf\xbd"},
		{strings.Repeat("x", 65535), "\x74\xff\xff" + strings.Repeat("x", 65535)},
		{strings.Repeat("x", 65536), "\x7c\x00\x00\x00\x00\x00\x01\x00\x00" + strings.Repeat("x", 65536)},
	} {
		if got := throwable("Class", c.text); !bytes.Contains(got, []byte(c.want+"\x78")) {
			t.Errorf("%.10q is not %.20q in %.400q", c.text, c.want, got)
		}
	}
}

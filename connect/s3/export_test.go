package s3

import "testing"

// NewTestStore makes an object store with an object that programs and tables of a test find.
func NewTestStore(t *testing.T, path, content string) {
	s := newStore(t)
	s.env(t)
	put(t, s.open(t), path, []byte(content))
}

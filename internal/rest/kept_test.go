package rest

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"
)

// TestKept: an answer is given again for a while, unless something was changed meanwhile or it could not be made.
func TestKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var k keptAnswers
		made := 0
		ask := func(fails bool) (string, error) {
			a, age := k.of("/jobs")
			text, err := a.get(age, func() ([]byte, error) {
				made++
				if fails {
					return nil, errors.New("it fails")
				}
				return []byte{byte('0' + made)}, nil
			})
			return string(text), err
		}
		want := func(what string) {
			t.Helper()
			if got, err := ask(false); got != what || err != nil {
				t.Errorf("the answer is %q, %v, want %q", got, err, what)
			}
		}
		want("1")
		time.Sleep(keptFor - 1)
		want("1")
		time.Sleep(time.Nanosecond)
		want("2")
		k.forget()
		want("3")
		want("3")
		k.forget()
		if _, err := ask(true); err == nil {
			t.Error("the error is not told")
		}
		want("5")
	})
}

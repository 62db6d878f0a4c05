package access

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
)

// Hash is the SHA-256 of a token.
type Hash [sha256.Size]byte

// HashOf hashes a token.
func HashOf(token string) Hash { return sha256.Sum256([]byte(token)) }

// credential is a token and whose it is.
type credential struct {
	hash Hash
	who  Identity
}

// Tokens are the credentials that a file has, one a line: a role, a name, and a token or sha256: with the 64
// hexadecimal digits of its hash. Lines that are empty or begin with # do not count. The file is read anew when it has
// changed. Its methods may be called by several goroutines.
type Tokens struct {
	path string

	mu struct {
		sync.Mutex
		read os.FileInfo // of what is in all; nil if that must be read
		all  []credential
	}
}

// OpenTokens reads a file. What is wrong with it is an error, also that others can read it: it must be readable by its
// owner only, or belong to root and be readable by a group.
func OpenTokens(path string) (*Tokens, error) {
	t := &Tokens{path: path}
	if _, err := t.current(); err != nil {
		return nil, err
	}
	return t, nil
}

// Find is who has a token with a hash; false if nobody does. An error is one of the file as it is now.
func (t *Tokens) Find(h Hash) (Identity, bool, error) {
	all, err := t.current()
	if err != nil {
		return Identity{}, false, err
	}
	var who Identity
	found := false
	for _, c := range all { // all of them, so that time tells nothing
		if subtle.ConstantTimeCompare(c.hash[:], h[:]) == 1 {
			who, found = c.who, true
		}
	}
	return who, found, nil
}

// current is what the file has now.
func (t *Tokens) current() ([]credential, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	info, err := os.Stat(t.path)
	if err != nil {
		t.mu.read = nil
		return nil, err
	}
	if same(t.mu.read, info) {
		return t.mu.all, nil
	}
	t.mu.read = nil
	all, info, err := readTokens(t.path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", t.path, err)
	}
	t.mu.read, t.mu.all = info, all
	return all, nil
}

// same reports whether a file is as it was.
func same(was, is os.FileInfo) bool {
	return was != nil && os.SameFile(was, is) && was.Size() == is.Size() && was.ModTime().Equal(is.ModTime()) && was.Mode() == is.Mode()
}

// tokensBytesMax is how large the file may be.
const tokensBytesMax = 1 << 20

// readTokens reads a file, and what the system says of what was read.
func readTokens(path string) ([]credential, os.FileInfo, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, errors.Unwrap(err) // without the path
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if err := private(info); err != nil {
		return nil, nil, err
	}
	text, err := io.ReadAll(io.LimitReader(f, tokensBytesMax+1))
	if err != nil {
		return nil, nil, err
	}
	if len(text) > tokensBytesMax {
		return nil, nil, fmt.Errorf("it has more than %d bytes", tokensBytesMax)
	}
	all, err := parseTokens(string(text))
	return all, info, err
}

// private refuses a file that others can read or change.
func private(info fs.FileInfo) error {
	if !info.Mode().IsRegular() {
		return errors.New("it is no file")
	}
	open, advice := info.Mode().Perm()&0o077, "chmod 600 makes it private"
	if ownedByRoot(info) {
		open, advice = info.Mode().Perm()&0o027, "chmod 640 makes it private to root and a group"
	}
	if open != 0 {
		return fmt.Errorf("others can read or change it (mode %04o): %s", info.Mode().Perm(), advice)
	}
	return nil
}

// hashPrefix is before a token that is given by its hash.
const hashPrefix = "sha256:"

// tokenBytesMin is how long a token must at least be, so that nobody guesses it.
const tokenBytesMin = 16

// parseTokens reads lines. All mistakes are reported together, and never a token.
func parseTokens(text string) (all []credential, err error) {
	var errs []error
	lines := map[Hash]int{}
	number := 0
	for line := range strings.Lines(text) {
		number++
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		c, err := parseToken(fields)
		if was := lines[c.hash]; err == nil && was > 0 {
			err = fmt.Errorf("the token is that of line %d", was)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("line %d: %w", number, err))
			continue
		}
		lines[c.hash] = number
		all = append(all, c)
	}
	return all, errors.Join(errs...)
}

func parseToken(fields []string) (c credential, err error) {
	if len(fields) != 3 {
		return c, fmt.Errorf("it has %d words; a line is a role, a name, and a token or %s and its hash", len(fields), hashPrefix)
	}
	if c.who.Role, err = ParseRole(fields[0]); err != nil {
		// The word is not shown: where words are in another order it is the token.
		return c, errors.New("its first word is no role; viewer, operator and admin are")
	}
	c.who.Name = fields[1]
	digits, hashed := strings.CutPrefix(fields[2], hashPrefix)
	switch {
	case hashed:
		b, err := hex.DecodeString(digits)
		if err != nil || len(b) != len(c.hash) {
			return c, fmt.Errorf("after %s there must be %d hexadecimal digits", hashPrefix, 2*len(c.hash))
		}
		copy(c.hash[:], b)
	case len(fields[2]) < tokenBytesMin:
		return c, fmt.Errorf("the token has less than %d characters; openssl rand -hex 32 makes one", tokenBytesMin)
	default:
		c.hash = HashOf(fields[2])
	}
	return c, nil
}

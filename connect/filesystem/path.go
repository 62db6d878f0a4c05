package filesystem

import (
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"regexp"
	"strings"
)

var uri = regexp.MustCompile(`^([a-zA-Z][a-zA-Z0-9+.-]*):(.*)$`)

// Parse returns the path that a user's text names: file: URIs become paths, and what has the scheme of a
// driver stays as it is, without escapes. It does not ask whether the path exists.
func Parse(text string) (string, error) {
	m := uri.FindStringSubmatch(text)
	switch {
	case m == nil:
		return text, nil
	case m[1] == "file":
		return localPath(text, m[2])
	}
	scheme, known := m[1], driverOf(m[1]) != nil || packages[m[1]] != ""
	rest, ok := strings.CutPrefix(m[2], "//")
	host, _, _ := strings.Cut(rest, "/")
	switch {
	case !ok && !known: // a name with a colon
		return text, nil
	case !ok || host == "":
		return "", fmt.Errorf("%q names no %s; write %s", text, thing(scheme), example(scheme))
	case driverOf(scheme) == nil:
		return "", unregistered(text, scheme)
	}
	return Clean(text), nil
}

func thing(scheme string) string {
	if strings.HasPrefix(scheme, "s3") {
		return "bucket"
	}
	return "host"
}

func example(scheme string) string { return scheme + "://" + thing(scheme) + "/path" }

// localPath is the path of a file: URI.
func localPath(text, rest string) (string, error) {
	if host, ok := strings.CutPrefix(rest, "//"); ok {
		at := strings.IndexByte(host, '/')
		if at < 0 || host[:at] != "" && host[:at] != "localhost" {
			return "", fmt.Errorf("%q names another machine; a file: URI of this one is file:///path", text)
		}
		rest = host[at:]
	}
	p, err := url.PathUnescape(rest)
	if err != nil || p == "" {
		return "", fmt.Errorf("%q is not a URI", text)
	}
	return p, nil
}

// Split cuts a path into where it is, such as s3://bucket, and the path there, which begins with a slash or is
// empty. root is "" for paths of this machine.
func Split(p string) (root, rest string) {
	at := strings.Index(p, "://")
	if at <= 0 || !uri.MatchString(p[:at+1]) {
		return "", p
	}
	at += len("://")
	if end := strings.IndexByte(p[at:], '/'); end >= 0 {
		return p[:at+end], p[at+end:]
	}
	return p, ""
}

// Join is the path of what is below a directory.
func Join(dir string, below ...string) string {
	root, rest := Split(dir)
	if root == "" {
		return filepath.Join(append([]string{dir}, below...)...)
	}
	return root + path.Join(append([]string{"/", rest}, below...)...)
}

// Dir is the directory that a path is in.
func Dir(p string) string {
	root, rest := Split(p)
	if root == "" {
		return filepath.Dir(p)
	}
	return root + path.Dir("/"+strings.TrimPrefix(rest, "/"))
}

// Clean is the shortest path that means the same.
func Clean(p string) string {
	root, rest := Split(p)
	if root == "" {
		return filepath.Clean(p)
	}
	return root + path.Clean("/"+rest)
}

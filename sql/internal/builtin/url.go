package builtin

import (
	"bytes"
	"strconv"
	"strings"

	"github.com/flott-dev/flott/column"
	"github.com/flott-dev/flott/sql/internal/expr"
	"github.com/flott-dev/flott/sql/internal/regex"
)

func init() {
	add("string", &Def{
		Func: expr.Func{Name: "PARSE_URL", Strict: true, Total: true, Compile: parseURL},
		Doc: "A part of a URL: HOST, PATH, QUERY, REF, PROTOCOL, AUTHORITY, FILE or USERINFO, or the value of a key in QUERY; " +
			"NULL if it has none or is not correct.",
		Typed: true, Args: []Arg{{"url", Text, false}, {"part", Text, false}, {"key", Text, true}}, Result: isString, Nullable: true,
	})
}

// link is a URL as java.net.URL takes it apart.
type link struct {
	protocol, authority, userInfo, host, path, query, ref string

	hasAuthority, hasUserInfo, hasQuery, hasRef bool
}

// protocols are those that Java knows.
var protocols = map[string]bool{"http": true, "https": true, "ftp": true, "file": true, "jar": true, "mailto": true, "jmod": true, "jrt": true}

func splitURL(s string) (u link, ok bool) {
	s = strings.TrimFunc(s, func(r rune) bool { return r <= ' ' })
	if len(s) > 4 && strings.EqualFold(s[:4], "url:") {
		s = s[4:]
	}
	protocol, rest, ok := strings.Cut(s, ":")
	u.protocol = strings.ToLower(protocol)
	if !ok || !protocols[u.protocol] {
		return u, false
	}
	rest, u.ref, u.hasRef = strings.Cut(rest, "#")
	if u.protocol == "jar" {
		u.path = rest
		return u, strings.Contains(rest, "!/")
	}
	rest, u.query, u.hasQuery = strings.Cut(rest, "?")
	if !strings.HasPrefix(rest, "//") {
		u.path = rest
		return u, true
	}
	u.hasAuthority = true
	u.authority = rest[2:]
	if i := strings.IndexByte(u.authority, '/'); i >= 0 {
		u.authority, u.path = u.authority[:i], u.authority[i:]
	}
	u.host = u.authority
	switch strings.Count(u.host, "@") {
	case 0:
	case 1:
		u.userInfo, u.host, _ = strings.Cut(u.host, "@")
		u.hasUserInfo = true
	default:
		u.host = ""
	}
	return u, u.cutPort()
}

// cutPort takes the port off the host.
func (u *link) cutPort() bool {
	from := strings.LastIndexByte(u.host, ']') + 1
	if strings.HasPrefix(u.host, "[") && from == 0 {
		return false
	}
	i := strings.IndexByte(u.host[from:], ':')
	if i < 0 {
		return true
	}
	port := u.host[from+i+1:]
	u.host = u.host[:from+i]
	n, err := strconv.Atoi(port)
	return port == "" || err == nil && n >= -1
}

// part is a part by its name.
func (u *link) part(name string) (s string, ok bool) {
	switch name {
	case "HOST":
		return u.host, true
	case "PATH":
		return u.path, true
	case "QUERY":
		return u.query, u.hasQuery
	case "REF":
		return u.ref, u.hasRef
	case "PROTOCOL":
		return u.protocol, true
	case "AUTHORITY":
		return u.authority, u.hasAuthority
	case "FILE":
		if u.hasQuery {
			return u.path + "?" + u.query, true
		}
		return u.path, true
	case "USERINFO":
		return u.userInfo, u.hasUserInfo
	}
	return "", false
}

func parseURL(*expr.Call) expr.Kernel {
	key := remember(func(key []byte) *regex.Regex {
		return compileRegex(bytes.Join([][]byte{[]byte("(&|^)"), key, []byte("=([^&]*)")}, nil))
	})
	return appends(func(_ *expr.Context, i int, args []*column.Vector, out *column.Vector) bool {
		u, ok := splitURL(string(args[0].Bytes(i)))
		if !ok {
			return false
		}
		name := string(args[1].Bytes(i))
		s, ok := u.part(name)
		if !ok || len(args) == 2 {
			out.Data = append(out.Data, s...)
			return ok
		}
		re := key(args[2].Bytes(i))
		if name != "QUERY" || re == nil || !re.Find([]byte(s), 0) {
			return false
		}
		from, to := re.Group(re.Groups())
		out.Data = append(out.Data, s[from:to]...)
		return true
	})(nil)
}

// Package redact takes secrets out of what is shown: of options, addresses and statements, in logs, errors and answers.
//
// Data flow: whoever puts a text of a user's into a message asks here first.
package redact

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// words make a key that of a secret: those of Flink's GlobalConfiguration, and those of access keys.
var words = []string{
	"password", "secret", "token", "apikey", "api-key", "access-key", "account.key", "auth-params", "service-key", "basic-auth", "jaas.config", "http-headers",
}

// IsSecret reports whether the option with a key is a secret.
func IsSecret(key string) bool {
	key = strings.ToLower(key)
	return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(key, w) })
}

// URL is an address without its user, password and query. What is no address is not shown.
func URL(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" && u.Opaque != "" {
		return "…"
	}
	u.User, u.Fragment = nil, ""
	query := u.RawQuery != ""
	u.RawQuery = ""
	if query {
		return u.String() + "?…"
	}
	return u.String()
}

// URLs are several of them, separated by commas.
func URLs(all []string) string {
	shown := make([]string, len(all))
	for i, text := range all {
		shown[i] = URL(text)
	}
	return strings.Join(shown, ", ")
}

var (
	optionPattern = regexp.MustCompile(`'((?:[^']|'')*)'\s*=?\s*'((?:[^']|'')*)'`)
	userPattern   = regexp.MustCompile(`://([^/@\s']*)@`)
)

// Statement is a statement of SQL with asterisks for the values of options that are secrets, and for users in addresses. It is as
// long as it was, so that places in it stay.
func Statement(text string) string {
	b := []byte(text)
	hide := func(from, to int) {
		for i := from; i < to; i++ {
			b[i] = '*'
		}
	}
	for _, m := range optionPattern.FindAllStringSubmatchIndex(text, -1) {
		if key := strings.ToLower(text[m[2]:m[3]]); IsSecret(key) || key == "headers" {
			hide(m[4], m[5])
		}
	}
	for _, m := range userPattern.FindAllStringSubmatchIndex(text, -1) {
		hide(m[2], m[3])
	}
	return string(b)
}

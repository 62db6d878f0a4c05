package storage

import (
	"fmt"
	"strconv"
	"strings"
)

const (
	pointerName   = "pointer"
	checkpointDir = "chk-"
	manifestPart  = "manifest"
	metadataName  = "_metadata"
)

// escape makes a segment of a name of any text: what is not a letter, digit, '-', '_' or '.' becomes
// '=' and two hexadecimal digits, and so does a leading '.'.
func escape(s string) string {
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		plain := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' ||
			c == '-' || c == '_' || c == '.' && i > 0
		if plain {
			b.WriteByte(c)
		} else {
			fmt.Fprintf(&b, "=%02x", c)
		}
	}
	if b.Len() == 0 {
		return "="
	}
	return b.String()
}

func checkpointPrefix(id int64) string { return checkpointDir + strconv.FormatInt(id, 10) + "/" }

// versioned is a name with the epoch and attempt of whoever writes it.
func versioned(part string, epoch, attempt int64) string {
	return fmt.Sprintf("%s-%d-%d", escape(part), epoch, attempt)
}

// parseVersioned takes the name of an object apart.
func parseVersioned(name string) (part string, epoch, attempt int64, ok bool) {
	part, attempt, ok = cutNumber(name)
	if !ok {
		return "", 0, 0, false
	}
	part, epoch, ok = cutNumber(part)
	return part, epoch, attempt, ok
}

func cutNumber(s string) (before string, n int64, ok bool) {
	i := strings.LastIndexByte(s, '-')
	if i < 0 {
		return "", 0, false
	}
	n, err := strconv.ParseInt(s[i+1:], 10, 64)
	return s[:i], n, err == nil && n >= 0
}

// parseCheckpoint takes the name of an object of a checkpoint apart.
func parseCheckpoint(name string) (id, epoch int64, ok bool) {
	dir, base, found := strings.Cut(name, "/")
	number, isCheckpoint := strings.CutPrefix(dir, checkpointDir)
	if !found || !isCheckpoint {
		return 0, 0, false
	}
	id, err := strconv.ParseInt(number, 10, 64)
	_, epoch, _, versioned := parseVersioned(base)
	return id, epoch, err == nil && versioned
}

// absolute reports whether the name of an object is a URI.
func absolute(name string) bool { return strings.Contains(name, "://") }

// splitURI cuts off the last segment.
func splitURI(uri string) (parent, base string) {
	uri = strings.TrimSuffix(uri, "/")
	i := strings.LastIndexByte(uri, '/')
	if i < 0 || strings.HasSuffix(uri[:i+1], "://") {
		return uri, ""
	}
	parent = uri[:i]
	if strings.HasSuffix(parent, ":/") || strings.HasSuffix(parent, "://") {
		parent += "/"
	}
	return parent, uri[i+1:]
}

// splitName cuts a name behind its last slash.
func splitName(name string) (dir, base string) {
	i := strings.LastIndexByte(name, '/') + 1
	return name[:i], name[i:]
}

// below returns the name of uri below dir.
func below(dir, uri string) (name string, ok bool) {
	return strings.CutPrefix(uri, strings.TrimSuffix(dir, "/")+"/")
}

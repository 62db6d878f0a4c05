package process

import (
	"io"
	"os"
	"strings"
)

const (
	tailBytes   = 64 << 10
	tailLines   = 20
	tailLineMax = 500 // bytes
)

// tail finds the last lines that a process has written.
type tail struct {
	log    Log
	before os.FileInfo // what PATH.1 was when the life began, nil for nothing
}

func newTail(l Log) tail {
	before, err := os.Stat(l.older(1))
	if err != nil {
		before = nil
	}
	return tail{l, before}
}

// lines are the last tailLines lines; those of a crash from its message on. After a rotation there may
// be few in the new file: then the ones before are in the old one.
func (t tail) lines() []string {
	text := endOf(t.log.Path)
	if strings.Count(text, "\n") < tailLines {
		old, err := os.Stat(t.log.older(1))
		if err == nil && (t.before == nil || !os.SameFile(old, t.before)) {
			text = endOf(t.log.older(1)) + text
		}
	}
	var lines []string
	for line := range strings.Lines(strings.ToValidUTF8(text, "�")) {
		line = strings.TrimRight(line, "\r\n")
		if len(line) > tailLineMax {
			line = strings.ToValidUTF8(line[:tailLineMax], "") + " …"
		}
		if line != "" {
			lines = append(lines, line)
		}
	}
	if at := crash(lines); at >= 0 && at < len(lines)-tailLines {
		return lines[at : at+tailLines]
	}
	return lines[max(0, len(lines)-tailLines):]
}

// crash is the line of the last message by which the runtime ends a process, -1 for none.
func crash(lines []string) int {
	for i := len(lines) - 1; i >= 0; i-- {
		for _, begin := range []string{"panic: ", "fatal error: ", "runtime: out of memory"} {
			if strings.HasPrefix(lines[i], begin) {
				return i
			}
		}
	}
	return -1
}

// endOf is the end of a file, from the begin of a line on.
func endOf(path string) string {
	f, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return ""
	}
	from := max(0, info.Size()-tailBytes)
	text, err := io.ReadAll(io.NewSectionReader(f, from, tailBytes))
	if err != nil {
		return ""
	}
	if from > 0 {
		if _, whole, ok := strings.Cut(string(text), "\n"); ok {
			return whole
		}
	}
	return string(text)
}

package rest

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/flott-dev/flott/web"
)

// pageFile is a file of the dashboard as it is sent.
type pageFile struct {
	plain, zipped []byte
	kind, tag     string
	fixed         bool // it never changes under its name
}

// pageFiles are the dashboard, by the paths of URLs.
var pageFiles = sync.OnceValue(func() map[string]pageFile {
	all := map[string]pageFile{}
	err := fs.WalkDir(web.Files(), ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		data, err := fs.ReadFile(web.Files(), name)
		if err != nil {
			return err
		}
		var zipped bytes.Buffer
		z, _ := gzip.NewWriterLevel(&zipped, gzip.BestCompression)
		_, _ = z.Write(data)
		_ = z.Close()
		hash := sha256.Sum256(data)
		f := pageFile{
			plain: data, zipped: zipped.Bytes(), kind: mime.TypeByExtension(path.Ext(name)),
			tag: `"` + hex.EncodeToString(hash[:8]) + `"`, fixed: strings.HasPrefix(name, "assets/"),
		}
		if name == "index.html" {
			name = ""
		}
		all["/"+name] = f
		return nil
	})
	if err != nil {
		panic(err) // they are embedded
	}
	return all
})

// contentPolicy lets the page load and ask for nothing but what is here, and nobody put it into a frame. No text becomes
// HTML or a script.
const contentPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// page serves the dashboard to everybody: it has no secrets, and asks for a token itself. All else is for next.
func (s *Server) page(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		f, ok := pageFiles()[r.URL.Path]
		if !ok || r.Method != http.MethodGet && r.Method != http.MethodHead {
			next.ServeHTTP(w, r)
			return
		}
		if !s.leads.Load() && s.o.Leader != nil && s.o.Leader() != "" {
			s.standBy(w, r)
			return
		}
		h := w.Header()
		h.Set("Content-Type", f.kind)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Content-Security-Policy", contentPolicy)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Vary", "Accept-Encoding")
		h.Set("Cache-Control", "no-cache") // ask whether it has changed
		if f.fixed {
			h.Set("Cache-Control", "public, max-age=31536000, immutable")
		}
		data, tag := f.plain, f.tag
		if strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			h.Set("Content-Encoding", "gzip")
			data, tag = f.zipped, strings.TrimSuffix(tag, `"`)+`-gzip"`
		}
		h.Set("ETag", tag)
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.o.WriteTimeout))
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
	})
}

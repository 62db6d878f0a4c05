// Package web is the dashboard of a JobManager: a page of TypeScript below src, and what is made of it below dist, which is
// embedded, so that to build Flott needs nothing but Go. `make web` makes it anew; a test fails if that was forgotten.
//
// Data flow: internal/rest serves the files to browsers; the page asks internal/rest for the rest.
package web

import (
	"embed"
	"io/fs"
)

//go:embed dist
var dist embed.FS

// Files are the page, index.html, and below assets what it loads: files whose names change with their content. There is
// nothing else in it.
func Files() fs.FS {
	files, err := fs.Sub(dist, "dist/files")
	if err != nil {
		panic(err) // the directory is embedded
	}
	return files
}

package blob

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
)

// Open returns the store at uri:
//
//	/path, file:///path             a directory, made when something is written
//	s3://bucket/prefix              a bucket; see S3Options for what the environment says. The query
//	                                may name endpoint, region and path-style=true
//	memory://                       memory of this process, empty
func Open(ctx context.Context, uri string) (Store, error) {
	scheme, _, found := strings.Cut(uri, "://")
	if !found {
		if uri == "" {
			return nil, &Error{Op: "open", Object: `""`, Err: errors.New("it is empty"), Advice: openAdvice}
		}
		return openDir(uri)
	}
	u, err := url.Parse(uri)
	if err != nil {
		return nil, &Error{Op: "open", Object: uri, Err: err, Advice: openAdvice}
	}
	switch scheme {
	case "file":
		if u.Host != "" && u.Host != "localhost" {
			err := fmt.Errorf("its host is %q, and files are of this machine", u.Host)
			return nil, &Error{"open", uri, "write file:///" + u.Host + u.Path, err}
		}
		return openDir(u.Path)
	case "s3", "s3a":
		o := S3Options{Bucket: u.Host, Prefix: strings.Trim(u.Path, "/")}
		q := u.Query()
		o.Endpoint, o.Region = q.Get("endpoint"), q.Get("region")
		o.PathStyle = q.Get("path-style") == "true"
		return NewS3(ctx, o)
	case "memory":
		return NewMemory(MemoryOptions{}), nil
	}
	err = fmt.Errorf("scheme %q is not known", scheme)
	return nil, &Error{"open", uri, openAdvice, err}
}

const openAdvice = "write a path, file:///path, s3://bucket/prefix or memory://"

func openDir(path string) (Store, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, &Error{Op: "open", Object: path, Err: err}
	}
	return NewDir(abs), nil
}

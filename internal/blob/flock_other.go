//go:build !(darwin || dragonfly || freebsd || linux || netbsd || openbsd)

package blob

import (
	"errors"
	"os"
)

func flock(*os.File) error { return errors.ErrUnsupported }

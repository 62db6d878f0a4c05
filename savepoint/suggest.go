package savepoint

import (
	"fmt"
	"strings"

	"github.com/flott-dev/flott/internal/suggest"
)

// unknown is the error for a name that there is not: with the nearest one, and with all of them.
func unknown(what, name string, names []string) error {
	if len(names) == 0 {
		return fmt.Errorf("there is no %s %q, nor any other", what, name)
	}
	hint := ""
	if best := suggest.Nearest(name, names, len(name)/2); best != "" {
		hint = fmt.Sprintf("; did you mean %q?", best)
	}
	return fmt.Errorf("there is no %s %q%s (there is %s)", what, name, hint, strings.Join(names, ", "))
}

package kafka

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/flott-dev/flott/internal/servertest"
)

func TestMain(m *testing.M) {
	code := servertest.Run(m.Run)
	if code == 0 {
		if err := goleak.Find(); err != nil {
			os.Stderr.WriteString(err.Error())
			code = 1
		}
	}
	os.Exit(code)
}

package kafka

import (
	"testing"

	"github.com/flott-dev/flott/internal/servertest"
)

func TestMain(m *testing.M) { servertest.Main(m) }

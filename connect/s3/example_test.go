package s3_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"strings"

	"github.com/johannesboyne/gofakes3"
	"github.com/johannesboyne/gofakes3/backend/s3mem"

	"github.com/flott-dev/flott/connect/collect"
	"github.com/flott-dev/flott/connect/file"
	_ "github.com/flott-dev/flott/connect/s3" // makes paths s3:// known
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

// A job writes lines to an object store, and another reads them. The store here is one in this process.
func Example() {
	store := gofakes3.New(s3mem.New(), gofakes3.WithLogger(gofakes3.DiscardLog()), gofakes3.WithAutoBucket(true))
	server := httptest.NewServer(store.Server())
	defer server.Close()
	for _, variable := range []string{
		"AWS_ENDPOINT_URL_S3=" + server.URL, "AWS_REGION=us-east-1", "AWS_ACCESS_KEY_ID=key", "AWS_SECRET_ACCESS_KEY=secret",
	} {
		name, value, _ := strings.Cut(variable, "=")
		os.Setenv(name, value)
		defer os.Unsetenv(name)
	}

	write := stream.NewEnv()
	lines := file.EncodeLines(func(s string) string { return s })
	stream.From(write, slice.Of("one", "two", "three")).To(file.Sink("s3://bucket/lines", lines, file.SinkOptions[string]{}))
	if err := launch.Run(context.Background(), write, "write"); err != nil {
		fmt.Println(err)
	}

	read, out := stream.NewEnv(), collect.To[string]()
	stream.From(read, file.Lines("s3://bucket/lines/part-*")).To(out)
	if err := launch.Run(context.Background(), read, "read"); err != nil {
		fmt.Println(err)
	}
	fmt.Println(out.Results())
	// Output: [one two three]
}

package servertest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// flinkPom names what Flink's command line is made of.
const flinkPom = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>flott</groupId><artifactId>flink</artifactId><version>1</version><dependencies>
<dependency><groupId>org.apache.flink</groupId><artifactId>flink-clients</artifactId><version>` + flinkVersion + `</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>1.7.36</version></dependency>
</dependencies></project>`

const flinkVersion = "2.2.1"

// flinkConfig is config.yaml for a host and a port. What the client does not understand it asks for once, and not for a minute.
const flinkConfig = `rest.address: %s
rest.port: %s
rest.retry.max-attempts: 1
rest.retry.delay: 10ms
`

// FlinkClient is the command line of Apache Flink 2.2.1, which is a program in Java.
type FlinkClient struct {
	// Headers are those that each request has besides, a line for each.
	Headers string

	libs, dir string
}

// Flink is the command line for the REST interface at a URL, which need not be Flink's.
func Flink(t testing.TB, at string) *FlinkClient {
	t.Helper()
	c := &FlinkClient{dir: t.TempDir()}
	if err := c.prepare(at); err != nil {
		missing(t, "there is no command line of Flink: %v", err)
	}
	return c
}

func (c *FlinkClient) prepare(at string) error {
	if err := installed("java", "mvn"); err != nil {
		return err
	}
	u, err := url.Parse(at)
	if err != nil {
		return err
	}
	host, port, err := net.SplitHostPort(u.Host)
	if err != nil {
		return err
	}
	c.libs, err = cache("flink-"+flinkVersion, func(dir string) error { return maven(dir, flinkPom) })
	if err != nil {
		return err
	}
	config := fmt.Sprintf(flinkConfig, host, port)
	return os.WriteFile(filepath.Join(c.dir, "config.yaml"), []byte(config), 0o644)
}

// Run runs a command, such as "list", "-a", and returns what it has printed and with which status it has ended.
func (c *FlinkClient) Run(t testing.TB, args ...string) (out string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "java", append([]string{
		"-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto", "-Duser.home=" + c.dir,
		"--add-opens=java.base/java.lang=ALL-UNNAMED", "--add-opens=java.base/java.util=ALL-UNNAMED",
		"-cp", c.libs + "/*", "org.apache.flink.client.cli.CliFrontend",
	}, args...)...)
	cmd.Env = append(os.Environ(), "FLINK_CONF_DIR="+c.dir, "FLINK_REST_CLIENT_HEADERS="+c.Headers, "LC_ALL=C.UTF-8")
	var text bytes.Buffer
	cmd.Stdout, cmd.Stderr = &text, &text
	err := cmd.Run()
	var ended *exec.ExitError
	if err != nil && (!errors.As(err, &ended) || ctx.Err() != nil) {
		t.Fatalf("flink %v: %v\n%s", args, err, &text)
	}
	return text.String(), cmd.ProcessState.ExitCode()
}

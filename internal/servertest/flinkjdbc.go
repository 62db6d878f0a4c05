package servertest

import (
	"context"
	_ "embed"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// jdbcPom names Flink's JDBC driver, with all that it needs but a logger.
const jdbcPom = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>flott</groupId><artifactId>flink-jdbc</artifactId><version>1</version><dependencies>
<dependency><groupId>org.apache.flink</groupId><artifactId>flink-sql-jdbc-driver-bundle</artifactId><version>2.3.0</version></dependency>
<dependency><groupId>org.slf4j</groupId><artifactId>slf4j-nop</artifactId><version>1.7.36</version></dependency>
</dependencies></project>`

//go:embed FlinkJDBC.java
var jdbcProgram []byte

// FlinkJDBC runs statements by the JDBC driver of Apache Flink 2.3.0, which is in Java, at the URL of a SQL gateway, and returns
// the lines that they give: name=value for each column of each row, done for a statement without rows, and "error: …".
func FlinkJDBC(t testing.TB, at string, statements ...string) (lines []string) {
	t.Helper()
	if err := installed("javac", "mvn"); err != nil {
		missing(t, "there is no JDBC driver of Flink: %v", err)
	}
	libs, err := cache("flink-jdbc-2.3.0", func(dir string) error { return maven(dir, jdbcPom) })
	if err != nil {
		missing(t, "there is no JDBC driver of Flink: %v", err)
	}
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "FlinkJDBC.java")
	if err := os.WriteFile(program, jdbcProgram, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), startTimeout)
	defer cancel()
	out, err := exec.CommandContext(ctx, "java", append([]string{
		"-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "--add-opens=java.base/java.lang=ALL-UNNAMED",
		"--add-opens=java.base/java.util=ALL-UNNAMED", "--add-opens=java.base/java.net=ALL-UNNAMED",
		"-cp", libs + "/*", program, "jdbc:flink://" + u.Host,
	}, statements...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("the JDBC driver of Flink: %v\n%s", err, out)
	}
	return strings.Split(strings.TrimSpace(string(out)), "\n")
}

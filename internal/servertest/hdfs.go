package servertest

import (
	"bufio"
	_ "embed"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// hdfsPom names what HDFS is made of.
const hdfsPom = `<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>
<groupId>flott</groupId><artifactId>hdfs</artifactId><version>1</version><dependencies>
<dependency><groupId>org.apache.hadoop</groupId><artifactId>hadoop-client-minicluster</artifactId><version>` + hdfsVersion + `</version></dependency>
<dependency><groupId>org.apache.hadoop</groupId><artifactId>hadoop-client-api</artifactId><version>` + hdfsVersion + `</version></dependency>
<dependency><groupId>org.apache.hadoop</groupId><artifactId>hadoop-client-runtime</artifactId><version>` + hdfsVersion + `</version></dependency>
</dependencies></project>`

const hdfsVersion = "3.4.2"

// hdfsProgram is what runs the cluster.
//
//go:embed MiniCluster.java
var hdfsProgram []byte

// HDFSCluster is an HDFS of one NameNode and two DataNodes, in one process. Blocks are of 1 MiB, and there are two of each. Anybody
// may write to the root; the user of the operating system who runs the test may do anything.
type HDFSCluster struct {
	// Address is host:port of the NameNode.
	Address string

	dir     string
	process *process
	in      *os.File
	out     *os.File
	lines   *bufio.Reader // of out
}

var sharedHDFS struct {
	sync.Mutex
	cluster *HDFSCluster
	err     error
}

// HDFS is a cluster for the tests of a package. Each test has a directory of its own.
func HDFS(t testing.TB) *HDFSCluster {
	t.Helper()
	s := &sharedHDFS
	s.Lock()
	defer s.Unlock()
	if s.cluster == nil && s.err == nil {
		if s.cluster, s.err = newHDFS(); s.err == nil {
			atEnd(s.cluster.remove)
		}
	}
	if s.err != nil {
		missing(t, "there is no HDFS: %v", s.err)
	}
	return s.cluster
}

func newHDFS() (*HDFSCluster, error) {
	if err := installed("java", "javac", "mvn"); err != nil {
		return nil, err
	}
	key := fmt.Sprintf("hdfs-%s-%08x", hdfsVersion, crc32.ChecksumIEEE(hdfsProgram))
	libs, err := cache(key, fillHDFS)
	if err != nil {
		return nil, err
	}
	p, err := port()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "flott-hdfs-*")
	if err != nil {
		return nil, err
	}
	c := &HDFSCluster{Address: fmt.Sprintf("127.0.0.1:%d", p), dir: dir}
	err = c.start(exec.Command("java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto",
		"-cp", libs+":"+libs+"/*", "MiniCluster", dir, fmt.Sprint(p)))
	if err != nil {
		c.remove()
		return nil, err
	}
	return c, nil
}

// fillHDFS fetches HDFS, and compiles what runs it. Its web servers look for pages and classes where they find the first.
func fillHDFS(dir string) error {
	if err := maven(dir, hdfsPom); err != nil {
		return err
	}
	const classes = "org/apache/hadoop/hdfs/"
	for _, name := range []string{"hadoop-client-api-", "hadoop-client-minicluster-"} {
		err := unpack(filepath.Join(dir, name+hdfsVersion+".jar"), "webapps/", classes+"web/resources/", classes+"server/namenode/web/resources/")
		if err != nil {
			return err
		}
	}
	program := filepath.Join(dir, "MiniCluster.java")
	if err := os.WriteFile(program, hdfsProgram, 0o644); err != nil {
		return err
	}
	return run(exec.Command("javac", "-nowarn", "-cp", dir+"/*", "-d", dir, program))
}

func (c *HDFSCluster) start(cmd *exec.Cmd) error {
	theirIn, in, err := os.Pipe()
	if err != nil {
		return err
	}
	defer theirIn.Close()
	out, theirOut, err := os.Pipe()
	if err != nil {
		return errors.Join(err, in.Close())
	}
	defer theirOut.Close()
	c.in, c.out, c.lines = in, out, bufio.NewReader(out)
	cmd.Stdin, cmd.Stdout = theirIn, theirOut
	if c.process, err = start(cmd); err != nil {
		return err
	}
	theirOut.Close() // so that the end of the process is the end of the output
	if err := c.done("ready"); err != nil {
		return c.process.failure(err)
	}
	return nil
}

// done waits until the cluster has said that something is done.
func (c *HDFSCluster) done(what string) error {
	if err := c.out.SetReadDeadline(time.Now().Add(startTimeout)); err != nil {
		return err
	}
	line, err := c.lines.ReadString('\n')
	if line = strings.TrimSuffix(line, "\n"); err == nil && line != what {
		err = fmt.Errorf("it says %q, want %q", line, what)
	}
	return err
}

// do has the cluster do something.
func (c *HDFSCluster) do(t testing.TB, command string) {
	t.Helper()
	_, err := io.WriteString(c.in, command+"\n")
	if err == nil {
		err = c.done(command)
	}
	if err != nil {
		t.Fatal(c.process.failure(fmt.Errorf("%s: %w", command, err)))
	}
}

// StopNameNode ends the NameNode.
func (c *HDFSCluster) StopNameNode(t testing.TB) { c.do(t, "stop the NameNode") }

// StartNameNode starts a NameNode that was stopped. It may know no DataNode yet: see Wait.
func (c *HDFSCluster) StartNameNode(t testing.TB) { c.do(t, "start the NameNode") }

// Wait waits until the NameNode knows its DataNodes.
func (c *HDFSCluster) Wait(t testing.TB) { c.do(t, "wait") }

// StopDataNode ends one of the DataNodes.
func (c *HDFSCluster) StopDataNode(t testing.TB) { c.do(t, "stop a DataNode") }

// StartDataNode starts a DataNode that was stopped.
func (c *HDFSCluster) StartDataNode(t testing.TB) { c.do(t, "start a DataNode") }

func (c *HDFSCluster) remove() {
	if c.process != nil {
		c.process.kill()
	}
	if c.in != nil {
		c.in.Close()
		c.out.Close()
	}
	os.RemoveAll(c.dir)
}

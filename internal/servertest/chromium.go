package servertest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// chromiumBinary is Debian's Chromium without windows. What is in the path is a script that starts it, and lives on beside it.
const chromiumBinary = "/usr/lib/chromium/chromium-headless-shell"

var sharedChromium struct {
	sync.Mutex
	url string
	err error
}

// Chromium is the URL of the DevTools of a browser for the tests of a package. Each test makes a context of its own in it.
// The browser finds no host but 127.0.0.1.
func Chromium(t testing.TB) string {
	t.Helper()
	c := &sharedChromium
	c.Lock()
	defer c.Unlock()
	if c.url == "" && c.err == nil {
		c.url, c.err = startChromium()
	}
	if c.err != nil {
		missing(t, "there is no Chromium: %v", c.err)
	}
	return c.url
}

func startChromium() (url string, err error) {
	path, err := exec.LookPath(chromiumBinary)
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "flott-chromium-")
	if err != nil {
		return "", err
	}
	args := []string{
		"--headless", "--remote-debugging-port=0", "--user-data-dir=" + dir, "--no-first-run", "--no-default-browser-check",
		"--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking", "--disable-component-update",
		"--disable-domain-reliability", "--disable-sync", "--disable-extensions", "--disable-breakpad", "--no-pings",
		"--disable-renderer-backgrounding", "--disable-backgrounding-occluded-windows", "--disable-background-timer-throttling",
		"--force-color-profile=srgb", "--mute-audio", "--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1",
	}
	if os.Geteuid() == 0 {
		args = append(args, "--no-sandbox") // with which it does not run as root
	}
	cmd := exec.Command(path, append(args, "about:blank")...)
	cmd.WaitDelay = startTimeout // for its own processes, which have its output and end after it
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + dir, "TZ=UTC", "LANG=C.UTF-8"}
	p, err := start(cmd)
	if err != nil {
		return "", err
	}
	atEnd(func() {
		p.kill()
		_ = os.RemoveAll(dir)
	})
	for began := time.Now(); ; {
		// The first line is the port, the second the path.
		text, err := os.ReadFile(filepath.Join(dir, "DevToolsActivePort"))
		port, rest, whole := strings.Cut(strings.TrimSpace(string(text)), "\n")
		if err == nil && whole {
			return "ws://127.0.0.1:" + port + rest, nil
		}
		select {
		case <-p.done:
			return "", p.failure(errors.New("it has ended"))
		case <-time.After(10 * time.Millisecond):
		}
		if time.Since(began) > startTimeout {
			return "", p.failure(errors.New("it does not become ready"))
		}
	}
}

package process

import (
	"fmt"
	"net"
	"strings"
	"testing"
)

func TestListenLoopbackOnly(t *testing.T) {
	for _, c := range []struct {
		address string
		o       Security
		refused bool
	}{
		{"", Security{}, false},
		{"127.0.0.1", Security{}, false},
		{"127.1.2.3", Security{}, false},
		{"localhost", Security{}, false},
		{"0.0.0.0", Security{}, true},
		{"::", Security{}, true},
		{"192.0.2.1", Security{}, true},
		{"0.0.0.0", Security{Credentials: true}, false},
		{"0.0.0.0", Security{Insecure: true}, false},
	} {
		l, err := Listen(t.Context(), c.address, "0", c.o)
		if c.refused {
			if err == nil || !strings.Contains(err.Error(), "security.ssl.*") || !strings.Contains(err.Error(), "--insecure") {
				t.Errorf("%q with %+v: %v", c.address, c.o, err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%q with %+v: %v", c.address, c.o, err)
			continue
		}
		ip := l.Addr().(*net.TCPAddr).IP
		if !ip.IsLoopback() && c.o == (Security{}) {
			t.Errorf("%q listens on %v", c.address, ip)
		}
		l.Close()
	}
}

func TestListenPorts(t *testing.T) {
	first, err := Listen(t.Context(), "", "0", Security{})
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	port := first.Addr().(*net.TCPAddr).Port
	if _, err = Listen(t.Context(), "", fmt.Sprint(port), Security{}); err == nil ||
		err.Error() != fmt.Sprintf("listen on 127.0.0.1: no port of %d is free", port) {
		t.Errorf("port taken twice: %v", err)
	}
	next, err := Listen(t.Context(), "", fmt.Sprintf("%d, %d-65535,0", port, port), Security{})
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	if got := next.Addr().(*net.TCPAddr).Port; got <= port && port < portMax {
		t.Errorf("port %d, want one after %d", got, port)
	}
}

func TestParsePorts(t *testing.T) {
	for text, want := range map[string]string{
		"8081": "[8081]", "0": "[0]", "50100-50103": "[50100 50101 50102 50103]",
		" 1 , 3-4,9": "[1 3 4 9]", "65535-65535": "[65535]",
	} {
		l, err := parsePorts(text)
		var got []int
		for port := range l.all {
			got = append(got, port)
		}
		if err != nil || fmt.Sprint(got) != want {
			t.Errorf("%q: %v, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"", "-1", "a", "1-", "9-8", "0-3", "65536", "1,,2", "1-2-3"} {
		if l, err := parsePorts(text); err == nil || !strings.Contains(err.Error(), "50100-50200") {
			t.Errorf("%q: %v, %v", text, l, err)
		}
	}
}

package process

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"syscall"
)

// Security says what keeps strangers out of a port.
type Security struct {
	// Credentials says that connections are authenticated.
	Credentials bool
	// Insecure says that the user allows everybody in, in so many words.
	Insecure bool
}

// Listen listens at an address, on the first free port of a list such as "8081", "50100-50200",
// "8081,50100-50200"; "0" is any free one. An address is an IP address or a host name; empty, it is
// 127.0.0.1. One that other machines can reach is refused unless there are credentials or Insecure: who
// can submit a job can run any code.
func Listen(ctx context.Context, address, ports string, s Security) (net.Listener, error) {
	candidates, err := parsePorts(ports)
	if err != nil {
		return nil, err
	}
	ip, err := listenIP(ctx, address)
	if err != nil {
		return nil, err
	}
	if !ip.IsLoopback() && !s.Credentials && !s.Insecure {
		return nil, fmt.Errorf("listen on %s: other machines could reach it, and run code through it, and no credentials are configured: "+
			"configure them with security.ssl.*, or for the REST interface in FLOTT_TOKEN, listen on 127.0.0.1, or allow it with --insecure", address)
	}
	var config net.ListenConfig
	for port := range candidates.all {
		l, err := config.Listen(ctx, "tcp", net.JoinHostPort(ip.String(), strconv.Itoa(port)))
		if err == nil {
			return l, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return nil, fmt.Errorf("listen on %s: %w", address, err)
		}
	}
	return nil, fmt.Errorf("listen on %s: no port of %s is free", ip, ports)
}

// listenIP resolves an address; a name with several, to the first of IPv4 if it has one.
func listenIP(ctx context.Context, address string) (net.IP, error) {
	if address == "" {
		return net.IPv4(127, 0, 0, 1), nil
	}
	if ip := net.ParseIP(address); ip != nil {
		return ip, nil
	}
	found, err := net.DefaultResolver.LookupIPAddr(ctx, address)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", address, err)
	}
	for _, a := range found {
		if a.IP.To4() != nil {
			return a.IP, nil
		}
	}
	return found[0].IP, nil // there is one if there is no error
}

// portList is ranges of ports.
type portList []struct{ low, high int }

// all calls yield for each port, in order.
func (l portList) all(yield func(int) bool) {
	for _, r := range l {
		for port := r.low; port <= r.high; port++ {
			if !yield(port) {
				return
			}
		}
	}
}

const portMax = 1<<16 - 1

func parsePorts(text string) (portList, error) {
	var l portList
	for part := range strings.SplitSeq(text, ",") {
		from, to, isRange := strings.Cut(strings.TrimSpace(part), "-")
		if !isRange {
			to = from
		}
		low, err := strconv.Atoi(strings.TrimSpace(from))
		high, err2 := strconv.Atoi(strings.TrimSpace(to))
		if err != nil || err2 != nil || low < 0 || high > portMax || low > high || isRange && low == 0 {
			return nil, fmt.Errorf("ports %q: %q: want a port (0 to %d), or a range as 50100-50200", text, part, portMax)
		}
		l = append(l, struct{ low, high int }{low, high})
	}
	return l, nil
}

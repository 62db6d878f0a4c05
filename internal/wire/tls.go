package wire

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
)

// The options by which processes get TLS, for errors.
const (
	enabledOption     = "security.ssl.internal.enabled"
	certificateOption = "security.ssl.internal.cert-file"
)

// encrypt makes TLS of the connection if this side wants it: side is tls.Client or tls.Server.
func (s *handshake) encrypt(side func(net.Conn, *tls.Config) *tls.Conn) error {
	if s.o.TLS == nil {
		return nil
	}
	plain := s.nc
	c := side(plain, s.o.TLS)
	s.nc = c
	err := c.Handshake()
	other := tls.RecordHeaderError{}
	switch {
	case err == nil:
		return nil
	case errors.As(err, &other):
		err = fmt.Errorf("%w: it speaks no TLS, and this side does (%s): it begins with %q", ErrRefused, enabledOption, other.RecordHeader[:])
		s.nc = plain // who does not speak TLS is told without it
		return errors.Join(err, s.refuse("it takes connections with TLS only ("+enabledOption+")"))
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return fmt.Errorf("TLS: %w; does it have %s too?", err, enabledOption)
	}
	return fmt.Errorf("TLS: %w", err)
}

// looksLikeTLS reports whether that is how a connection with TLS begins.
func looksLikeTLS(b []byte) bool {
	const handshakeRecord, versionMajor = 22, 3
	return len(b) >= 2 && b[0] == handshakeRecord && b[1] == versionMajor
}

// explained says what a refusal is about that TLS has for the side whose certificate it is.
func explained(err error) error {
	if alert := (*net.OpError)(nil); errors.As(err, &alert) && alert.Op == "remote error" {
		return fmt.Errorf("%w: it does not accept this side's certificate (%s): %w", ErrRefused, certificateOption, err)
	}
	return err
}

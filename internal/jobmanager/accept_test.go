package jobmanager

import (
	"context"
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/flott-dev/flott/internal/control"
	"github.com/flott-dev/flott/internal/ha"
	"github.com/flott-dev/flott/internal/wire"
)

// TestDeposedTakesNoConnections: a JobManager that others have followed, which it does not know yet, refuses processes.
func TestDeposedTakesNoConnections(t *testing.T) {
	store := ha.NewMemory()
	term, err := store.Campaign(context.Background(), ha.Contender{Name: "first"})
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := New(Options{Leadership: term, Wire: wire.Options{Name: "jobmanager"}})
	served := make(chan error, 1)
	go func() { served <- m.Serve(listener) }()
	defer func() {
		m.Close()
		listener.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	connect := func() error {
		nc, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		c, err := wire.Client(nc, wire.Options{Name: "tm", Hello: []byte(control.TaskManager)})
		if err == nil {
			c.Abort(errors.New("the test ends"))
			<-c.Done()
		}
		return err
	}
	if err := connect(); err != nil {
		t.Fatal(err)
	}
	store.Depose()
	if err := connect(); !errors.Is(err, wire.ErrRefused) || !strings.Contains(err.Error(), "does not lead") {
		t.Errorf("a connection with a JobManager that was deposed: %v", err)
	}
}

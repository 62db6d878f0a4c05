// Command asyncenrich asks an HTTP server about each order, in two ways. The customer's name comes
// from a rich function, which waits for each answer but remembers it. The price is asked for
// asynchronously, many orders at once, with a time limit and another attempt when the server is busy.
//
//	go run ./examples/asyncenrich -ordered
//
// Without -url it starts a server of its own, which is slow and sometimes busy.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/signal"
	"time"

	"github.com/flott-dev/flott/connect/print"
	"github.com/flott-dev/flott/connect/slice"
	"github.com/flott-dev/flott/launch"
	"github.com/flott-dev/flott/stream"
)

// Order is what comes in.
type Order struct {
	ID, Customer, Product int64
}

// Named is an order with the name of its customer.
type Named struct {
	Order
	Name string
}

// Priced is a named order with the price of its product.
type Priced struct {
	Named
	Cents int64 // -1 when the server did not tell in time
}

func main() {
	url := flag.String("url", "", "the `server` that knows /customers/N and /prices/N")
	ordered := flag.Bool("ordered", false, "emit orders in the order in which they come")
	count := flag.Int64("count", 200, "the `number` of orders")
	flag.Parse()
	if *url == "" {
		server := httptest.NewServer(&shop{delay: 20 * time.Millisecond})
		defer server.Close()
		*url = server.URL
	}

	env := stream.NewEnv(stream.Parallelism(2))
	orders := stream.From(env, slice.Func(*count, order)).Parallelism(1)
	client := &http.Client{}
	defer client.CloseIdleConnections()
	job(orders, *url, client, options{ordered: *ordered, timeout: 2 * time.Second}).
		To(print.Sink[Priced](print.Format("%+v")))

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	j, err := launch.Start(ctx, env, "async enrich")
	if err == nil {
		err = j.Wait()
	}
	if err != nil && !errors.Is(err, launch.ErrCanceled) {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	fmt.Println(j.Accumulators())
}

type options struct {
	ordered bool
	timeout time.Duration
}

func job(orders *stream.Stream[Order], url string, client *http.Client, o options,
) *stream.Stream[Priced] {
	named := stream.Open(orders, func(t *stream.Task) (func(Order) (Named, error), error) {
		// Each subtask has a client and a cache of its own, which need no locks.
		client, names := &http.Client{}, map[int64]string{}
		hits := t.Accumulator("names remembered")
		t.OnClose(func() error { client.CloseIdleConnections(); return nil })
		return func(o Order) (Named, error) {
			name, known := names[o.Customer]
			if known {
				hits.Add(1)
				return Named{o, name}, nil
			}
			err := get(t.Context(), client, fmt.Sprint(url, "/customers/", o.Customer), &name)
			names[o.Customer] = name
			return Named{o, name}, err
		}, nil
	}).Name("name").Parallelism(4)

	return stream.Async(named, func(ctx context.Context, n Named) (Priced, error) {
		p := Priced{Named: n}
		return p, get(ctx, client, fmt.Sprint(url, "/prices/", n.Product), &p.Cents)
	}, stream.AsyncOptions[Named, Priced]{
		Ordered: o.ordered, Capacity: 20, Timeout: o.timeout,
		OnTimeout: func(n Named) (Priced, error) { return Priced{n, -1}, nil },
		Retry: stream.AsyncRetry{
			Attempts: 5, Delay: 10 * time.Millisecond, Backoff: 2,
			If: func(err error) bool { return errors.Is(err, errBusy) },
		},
	}).Name("price")
}

var errBusy = errors.New("the server is busy")

// get decodes what the server answers.
func get(ctx context.Context, client *http.Client, url string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		return json.NewDecoder(resp.Body).Decode(into)
	case http.StatusServiceUnavailable:
		return fmt.Errorf("%s: %w", url, errBusy)
	}
	return fmt.Errorf("%s: the server answers %s", url, resp.Status)
}

func order(n int64) Order { return Order{n, n * 7 % 10, n * 31 % 100} }

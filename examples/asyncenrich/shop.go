package main

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"time"
)

// shop is a server that takes its time. Every tenth question about a price finds it busy.
type shop struct {
	delay  time.Duration
	stuck  int64 // the product whose price takes for ever; 0 for none
	names  atomic.Int64
	prices atomic.Int64
}

// ServeHTTP answers /customers/N and /prices/N.
func (s *shop) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	what, id, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	switch what {
	case "customers":
		s.names.Add(1)
		fmt.Fprintf(w, "%q", fmt.Sprint("customer ", n))
	case "prices":
		asked := s.prices.Add(1)
		if s.stuck != 0 && n == s.stuck {
			<-r.Context().Done()
			return
		}
		time.Sleep(s.delay * time.Duration(1+n%3))
		if asked%10 == 0 {
			http.Error(w, "busy", http.StatusServiceUnavailable)
			return
		}
		fmt.Fprint(w, price(n))
	default:
		http.NotFound(w, r)
	}
}

// price is what a product costs.
func price(product int64) int64 { return 99 + 100*product }

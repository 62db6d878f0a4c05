package exposition

import (
	"context"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	dto "github.com/prometheus/client_model/go"
)

// Options are the settings of a Handler.
type Options struct {
	// PlainLabels leaves the values of labels as they are, where otherwise what is neither a letter of ASCII, a digit, a colon
	// nor an underscore becomes an underscore, as in Flink.
	PlainLabels bool
}

// Handler answers scrapes with what gather gathers for each of them.
func Handler(gather func(ctx context.Context) []Scope, o Options) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		all := prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
			return families(gather(r.Context()), o.PlainLabels), nil
		})
		promhttp.HandlerFor(all, promhttp.HandlerOpts{}).ServeHTTP(w, r)
	})
}

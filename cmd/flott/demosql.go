package main

import (
	"context"
	"fmt"
	"time"

	"github.com/flott-dev/flott/connect"
	"github.com/flott-dev/flott/connect/nexmark"
	"github.com/flott-dev/flott/sql"
	"github.com/flott-dev/flott/stream"
)

// demoQuery is the query of the demo. Its table is the live auctions again.
const demoQuery = `SELECT channel, COUNT(*) AS bids, MAX(price) AS highest, AVG(price) AS average
FROM (SELECT bid.channel, bid.price FROM auctions WHERE event_type = 2)
WHERE channel IN ('Apple', 'Google', 'Facebook', 'Baidu') GROUP BY channel`

// channel is a row of demoQuery.
type channel struct {
	Channel                string
	Bids, Highest, Average int64
}

// channelRow reads a row whose columns may be NULL.
type channelRow struct {
	Channel          *string
	Bids             int64
	Highest, Average *int64
}

// demoSQL adds the query to env, and has its changes shown.
func demoSQL(ctx context.Context, env *stream.Env, rate int64, show func(channel)) error {
	s := sql.NewSession(sql.With([]connect.TableFactory{nexmark.Table}, nil))
	_, err := s.Execute(ctx, fmt.Sprintf(`CREATE TABLE auctions (
		event_type INT, bid ROW<auction BIGINT, bidder BIGINT, price BIGINT, channel STRING, url STRING, `+"`dateTime`"+` TIMESTAMP(3), extra STRING>
	) WITH ('connector' = 'nexmark', 'paced' = 'true', 'first-event.rate' = '%d', 'base-time' = '%d')`, rate, time.Now().UnixMilli()))
	if err != nil {
		return err
	}
	changes, err := sql.ToChangelog[channelRow](s, env, demoQuery)
	if err != nil {
		return err
	}
	changes.To(each(func(c sql.Change[channelRow]) {
		if r := c.Row; c.Kind.IsAdd() && r.Channel != nil && r.Highest != nil && r.Average != nil {
			show(channel{*r.Channel, r.Bids, *r.Highest, *r.Average})
		}
	})).Name("show")
	return nil
}

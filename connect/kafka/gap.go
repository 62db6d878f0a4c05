package kafka

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// gapAfter is for how long a reader of bounded partitions waits for records before it looks whether any can come.
const gapAfter = time.Second

// look finds bounded partitions in which no record is left before the end. A client tells of no position but those of records, and before the end may
// be nothing else than what it does not return: records of an aborted transaction, whose marker comes behind the end, since another
// transaction is open there.
//
//	   next                stop: the last stable offset
//	────┼───── aborted ──────┼───── open ───── marker of the abort ──▶
func (c *consumer) look() {
	now := c.ctx.Now()
	switch {
	case !c.bounded || !c.cfg.readCommitted || c.client == nil || c.looking:
		return
	case c.lookAt.IsZero():
		c.lookAt = now.Add(gapAfter)
		c.ctx.WakeAt(c.lookAt)
		return
	case now.Before(c.lookAt):
		return
	}
	var all []fetched
	for p, s := range c.splits {
		if s.stop != noStop {
			all = append(all, fetched{Partition: p, gap: &gap{from: s.next, to: s.stop}})
		}
	}
	if len(all) == 0 {
		return
	}
	c.looking = true
	ctx, client := c.fetching, c.client
	c.wg.Go(func() {
		for _, f := range all {
			f.gap.empty = f.gap.isEmpty(ctx, client, f.Partition)
		}
		c.handOver(ctx, all)
	})
}

// looked ends partitions of which look has found that they are at their end.
func (c *consumer) looked(f *fetched) {
	c.looking, c.lookAt = false, time.Time{}
	if s := c.splits[f.Partition]; s != nil && f.gap.empty && s.next == f.gap.from && !s.ended() {
		s.next = s.stop
		c.ended = append(c.ended, s)
	}
}

// gap is the offsets of a partition from one on up to another.
type gap struct {
	from, to int64
	empty    bool // nothing in it is committed, as far as can be told
}

// isEmpty asks the leader of the partition whether nothing in the gap is committed. It is false when that cannot be told now.
func (g *gap) isEmpty(ctx context.Context, client *kgo.Client, p Partition) bool {
	topics, err := kadm.NewClient(client).ListTopics(ctx, p.Topic)
	if err != nil {
		return false // the client that fetches meets this, too
	}
	topic := topics[p.Topic]
	partition, ok := topic.Partitions[p.Number]
	if !ok || partition.Err != nil {
		return false
	}
	for at := g.from; at < g.to; {
		q := kmsg.NewPtrFetchRequest()
		q.MaxWaitMillis, q.MinBytes, q.MaxBytes, q.IsolationLevel = 0, 0, fetchMax, 1
		part := kmsg.NewFetchRequestTopicPartition()
		part.Partition, part.FetchOffset, part.PartitionMaxBytes = p.Number, at, fetchMax
		q.Topics = []kmsg.FetchRequestTopic{{Topic: p.Topic, TopicID: topic.ID, Partitions: []kmsg.FetchRequestTopicPartition{part}}}
		a, err := q.RequestWith(ctx, client.Broker(int(partition.Leader)))
		if err != nil || kerr.ErrorForCode(a.ErrorCode) != nil || len(a.Topics) != 1 || len(a.Topics[0].Partitions) != 1 {
			return false
		}
		got := &a.Topics[0].Partitions[0]
		if len(got.RecordBatches) == 0 {
			return got.ErrorCode == 0 && got.LastStableOffset >= g.to
		}
		read, behind := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{
			Offset: at, IsolationLevel: kgo.ReadCommitted(), Topic: p.Topic, Partition: p.Number,
		}, got, kgo.DefaultDecompressor(), nil)
		if len(read.Records) > 0 {
			return read.Err == nil && read.Records[0].Offset >= g.to
		}
		if read.Err != nil || behind <= at {
			return false
		}
		at = behind
	}
	return true
}

// fetchMax is how many bytes are looked at at a time.
const fetchMax = 1 << 20

package main

import (
	"context"
	"iter"
	"time"

	"github.com/waterspout/waterspout/benchmarks/microbatch"
	"github.com/waterspout/waterspout/internal/tweets"
)

// microBatch is the job in Spark Streaming's model: a receiver per partition, the
// tasks of a batch decode and encode, with producers that are pooled.
func microBatch(ctx context.Context, j job) (map[string]int64, error) {
	ssc := microbatch.NewStreamingContext(microbatch.Conf{}, time.Second)
	// At least once instead: microbatch.DirectStream(ssc, params), and neither
	// Union nor Repartition.
	params := microbatch.ReceiverKafkaParams{KafkaParams: microbatch.KafkaParams{Brokers: j.brokers, Topic: j.in, Group: j.group}}
	var streams []*microbatch.DStream[microbatch.Record]
	for range j.partitions {
		stream, _ := microbatch.ReceiverKafkaStream(ssc, params, microbatch.ReceiverOptions{})
		streams = append(streams, stream)
	}
	stream := microbatch.Repartition(microbatch.Union(streams...), 1)

	in := ssc.Accumulator(consumed)
	out := ssc.Accumulator(produced)
	pool := microbatch.NewProducerPool(j.brokers, j.out, nil)
	producers := microbatch.NewBroadcast(pool)

	decoded := microbatch.Map(stream, func(r microbatch.Record) (t tweets.Tweet, err error) {
		in.Add(1)
		return t, codec.Decode(r.Value, &t)
	})
	decoded.ForeachRDD(func(rdd *microbatch.RDD[tweets.Tweet]) error {
		return rdd.ForeachPartition(func(task *microbatch.Task, records iter.Seq[tweets.Tweet]) error {
			p, err := producers.Value().Borrow(task.Context())
			if err != nil {
				return err
			}
			defer producers.Value().Return(p)
			for t := range records {
				value, err := codec.Append(nil, t)
				if err != nil {
					return err
				}
				if err := p.Send(task.Context(), value); err != nil {
					return err
				}
				out.Add(1)
			}
			return p.Flush(task.Context())
		})
	})

	work := context.WithoutCancel(ctx)
	err := ssc.Start(work)
	if err != nil {
		return nil, err
	}
	if err = ssc.AwaitTermination(ctx); ctx.Err() != nil {
		err = ssc.Stop(work, true)
	}
	if closed := pool.Close(work); err == nil {
		err = closed
	}
	return map[string]int64{consumed: in.Value(), produced: out.Value()}, err
}

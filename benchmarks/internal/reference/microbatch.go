package reference

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"log/slog"
	"math"
	"os"
	"sync/atomic"
	"time"

	"github.com/waterspout/waterspout/benchmarks/microbatch"
	"github.com/waterspout/waterspout/internal/tweets"
)

// batchInterval is that of a Spec that has none.
const batchInterval = time.Second

// batches is the job in micro-batches.
type batches struct {
	*microbatch.StreamingContext
	pool     *microbatch.Broadcast[*microbatch.Pool[*microbatch.Producer]]
	out      atomic.Uint64
	poisoned *poisoned // nil if no record is
	attempts *microbatch.Accumulator
}

func startBatches(ctx context.Context, s Spec) (job, error) {
	conf := microbatch.Conf{
		Slots: s.Tasks.Decoders,
		Log:   slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	if s.Poison > 0 {
		// A range may have more poisoned records than a task may fail by
		// default, and what is asked is what they cost.
		conf.MaxFailures = math.MaxInt
	}
	j := &batches{StreamingContext: microbatch.NewStreamingContext(conf, cmp.Or(s.Interval, batchInterval))}
	j.attempts = j.Accumulator("decode attempts")
	j.pool = microbatch.NewBroadcast(microbatch.NewProducerPool(s.Brokers, s.Out, &j.out))
	if s.Poison > 0 {
		j.poisoned = &poisoned{every: s.Poison}
	}
	microbatch.MapPartitions(j.stream(s), j.decode).ForeachRDD(func(rdd *microbatch.RDD[tweets.Tweet]) error {
		return rdd.ForeachPartition(j.encode)
	})
	return j, j.Start(ctx)
}

func (j *batches) stream(s Spec) *microbatch.DStream[microbatch.Record] {
	params := microbatch.KafkaParams{Brokers: s.Brokers, Topic: s.In, Group: s.Group, Instance: cmp.Or(s.Instance, s.Group)}
	if s.Contender == "direct" {
		return microbatch.DirectStream(j.StreamingContext, params)
	}
	// One receiver with a thread per partition reads as much as five with one
	// thread each, and its blocks are a fifth as many and five times as large.
	// Repartition is the article's: the number of tasks is not that of blocks.
	in, _ := microbatch.ReceiverKafkaStream(j.StreamingContext,
		microbatch.ReceiverKafkaParams{KafkaParams: params, Threads: partitions}, microbatch.ReceiverOptions{})
	return microbatch.Repartition(in, partitions)
}

// countEvery is how many records a task decodes between two additions to what all
// tasks share.
const countEvery = 256

func (j *batches) decode(t *microbatch.Task, in iter.Seq[microbatch.Record]) iter.Seq[tweets.Tweet] {
	return func(yield func(tweets.Tweet) bool) {
		var tweet tweets.Tweet
		var n int64
		defer func() { j.attempts.Add(n) }()
		for r := range in {
			if n++; n == countEvery {
				j.attempts.Add(n)
				n = 0
			}
			err := tweetCodec.Decode(r.Value, &tweet)
			if err == nil && j.poisoned != nil && j.poisoned.fails(&tweet) {
				err = errPoisoned
			}
			if err != nil {
				t.Fail(fmt.Errorf("offset %d: %w", r.Offset, err))
				return
			}
			if !yield(tweet) {
				return
			}
		}
	}
}

func (j *batches) encode(t *microbatch.Task, in iter.Seq[tweets.Tweet]) error {
	p, err := j.pool.Value().Borrow(t.Context())
	if err != nil {
		return err
	}
	defer j.pool.Value().Return(p)
	var arena []byte
	for tweet := range in {
		if cap(arena)-len(arena) < 2048 {
			arena = make([]byte, 0, 64<<10)
		}
		from := len(arena)
		if arena, err = tweetCodec.Append(arena, tweet); err != nil {
			return err
		}
		if err := p.Send(t.Context(), arena[from:len(arena):len(arena)]); err != nil {
			return err
		}
	}
	return p.Flush(t.Context())
}

func (j *batches) written() uint64 { return j.out.Load() }

func (j *batches) failed() <-chan struct{} { return j.Done() }

func (j *batches) progress() Progress {
	p := Progress{Written: j.written()}
	if j.poisoned != nil {
		p.Attempts = uint64(j.attempts.Value())
	}
	return p
}

func (j *batches) stop(ctx context.Context) error {
	err := j.Stop(ctx, true)
	return cmp.Or(err, j.pool.Value().Close(ctx))
}

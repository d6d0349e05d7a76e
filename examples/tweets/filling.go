package main

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"
	"time"

	"github.com/waterspout/waterspout/internal/tweets"
	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/kafka/kafkatest"
)

// fill writes the tweets to the input and notes where it ends then.
func (t *trial) fill(ctx context.Context) error {
	o := t.options
	var filled atomic.Uint64
	m := meter{"filling " + o.in, o.n, time.Now()}
	defer t.progress.during(func() string { return m.text(filled.Load()) })()
	records := tweets.New(o.seed).Records(0, o.n)
	if o.rate > 0 {
		records = tweets.Paced(ctx, records, o.rate)
	}
	err := t.broker.Fill(ctx, o.in, counted(records, &filled))
	if err != nil {
		return err
	}
	t.ends, err = t.broker.EndOffsets(ctx, o.in)
	return err
}

func counted(records iter.Seq[kafka.Record], n *atomic.Uint64) iter.Seq[kafka.Record] {
	return func(yield func(kafka.Record) bool) {
		for r := range records {
			if !yield(r) {
				return
			}
			n.Add(1)
		}
	}
}

// fillAndWork fills while the job runs, and drains the job when its group has
// committed everything.
func (t *trial) fillAndWork(ctx context.Context) error {
	ctx, drain := context.WithCancel(ctx)
	filled := make(chan error, 1)
	go func() {
		defer drain()
		err := t.fill(ctx)
		if err == nil {
			err = t.awaitEnd(ctx)
		}
		filled <- err
	}()
	err := t.work(ctx, t.broker.Addrs(), kafka.Never)
	drain()
	return errors.Join(err, <-filled)
}

// awaitEnd waits until the group has committed what was filled in.
func (t *trial) awaitEnd(ctx context.Context) error {
	for {
		committed, err := t.committed(ctx)
		if err != nil || covers(committed, t.ends) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(50 * time.Millisecond):
		}
	}
}

func covers(committed, ends kafkatest.Offsets) bool {
	for p, end := range ends {
		if committed[p] < end {
			return false
		}
	}
	return true
}

package main

import (
	"context"
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

// fillAndWork fills the input, and runs the job until its group has committed all
// of that. With a rate it does both at once.
func (t *trial) fillAndWork(ctx context.Context) error {
	fill := t.fill
	if t.options.rate == 0 {
		if err := t.fill(ctx); err != nil {
			return err
		}
		fill = func(context.Context) error { return nil }
	}
	switch {
	case t.options.workers > 0:
		return t.untilCommitted(ctx, fill, t.shared)
	case t.options.rate == 0:
		return t.work(ctx, t.broker.Addrs(), kafka.AtEnd)
	}
	return t.untilCommitted(ctx, fill, func(ctx context.Context) error {
		return t.work(ctx, t.broker.Addrs(), kafka.Never)
	})
}

// untilCommitted works, and drains the job when it has committed what was filled in
// meanwhile.
func (t *trial) untilCommitted(ctx context.Context, fill, work func(context.Context) error) error {
	ctx, drain := context.WithCancel(ctx)
	filled := make(chan error, 1)
	go func() {
		defer drain()
		filled <- t.fillAndWatch(ctx, fill)
	}()
	err := work(ctx)
	drain()
	if unfilled := <-filled; err == nil {
		err = unfilled
	}
	return err
}

// fillAndWatch fills, and returns when the group has committed all of that. While
// it waits it has workers killed.
func (t *trial) fillAndWatch(ctx context.Context, fill func(context.Context) error) error {
	ctx, stop := context.WithCancel(ctx)
	filling := make(chan error, 1)
	go func() { filling <- fill(ctx) }()
	filled := false
	var err error
	for over := false; err == nil && !over; {
		select {
		case err = <-filling:
			filled = true
		case <-ctx.Done():
			err = ctx.Err()
		case <-time.After(50 * time.Millisecond):
			over, err = t.look(ctx, filled)
		}
	}
	stop()
	if !filled {
		<-filling
	}
	return err
}

// look asks how far the group is, and reports whether it is at the end of what was
// filled in.
func (t *trial) look(ctx context.Context, filled bool) (over bool, err error) {
	offsets, err := t.committed(ctx)
	if err != nil {
		return false, err
	}
	committed := offsets.Sum() - t.check.In.From.Sum()
	t.commits.Store(uint64(committed))
	t.killer.see(committed, time.Now())
	if filled && covers(offsets, t.ends) {
		return true, nil
	}
	if err := t.stall.see(committed, time.Now()); err != nil {
		return false, err
	}
	if t.killer.due(time.Now(), filled) {
		select {
		case t.kills <- struct{}{}:
		case <-ctx.Done():
		}
	}
	return false, nil
}

func covers(committed, ends kafkatest.Offsets) bool {
	for p, end := range ends {
		if committed[p] < end {
			return false
		}
	}
	return true
}

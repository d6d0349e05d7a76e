package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"

	"github.com/waterspout/waterspout/internal/tweets"
	"github.com/waterspout/waterspout/kafka/kafkatest"
)

// partitions of the topics that a trial makes.
const partitions = 5

// connectTimeout bounds the search for a Kafka.
const connectTimeout = 10 * time.Second

// prepare finds or starts a Kafka, makes the topics, and notes where they end.
func (t *trial) prepare(ctx context.Context) (err error) {
	o := t.options
	if o.brokers == nil {
		t.broker, err = kafkatest.Run()
	} else {
		within, cancel := context.WithTimeout(ctx, connectTimeout)
		defer cancel()
		t.broker, err = kafkatest.Connect(within, o.brokers...)
	}
	if err != nil {
		return err
	}
	if t.check.In, err = t.input(ctx); err != nil {
		return err
	}
	if t.check.Out, err = t.output(ctx, o.out); err == nil && o.dead != "" {
		t.check.Dead, err = t.output(ctx, o.dead)
	}
	return err
}

// input makes the input topic. The job begins where its group stopped last time.
func (t *trial) input(ctx context.Context) (tweets.Data, error) {
	if err := t.create(ctx, t.options.in); err != nil {
		return tweets.Data{}, err
	}
	from, err := t.committed(ctx)
	return tweets.Data{Topic: t.options.in, From: from}, err
}

// output makes an output topic. What it has already is not the job's.
func (t *trial) output(ctx context.Context, topic string) (tweets.Data, error) {
	if err := t.create(ctx, topic); err != nil {
		return tweets.Data{}, err
	}
	from, err := t.broker.EndOffsets(ctx, topic)
	return tweets.Data{Topic: topic, From: from}, err
}

func (t *trial) create(ctx context.Context, topic string) error {
	err := t.broker.CreateTopic(ctx, fmt.Sprintf("%s:%d", topic, partitions))
	if errors.Is(err, kerr.TopicAlreadyExists) {
		return nil
	}
	return err
}

// committed is how far the group is.
func (t *trial) committed(ctx context.Context) (kafkatest.Offsets, error) {
	of, err := t.broker.Committed(ctx, t.options.group)
	return of[t.options.in], err
}

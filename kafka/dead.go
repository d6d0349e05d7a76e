package kafka

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/waterspout/waterspout/internal/kafkaio"
	"github.com/waterspout/waterspout/spout"
)

// Headers of a dead letter, after the record's own.
const (
	HeaderReason    = "waterspout-reason"    // what was told to the spout: kind and text of the failure, and a panic's stack on the lines below
	HeaderComponent = "waterspout-component" // that failed the record last
	HeaderTopic     = "waterspout-topic"     // where the record was read
	HeaderPartition = "waterspout-partition"
	HeaderOffset    = "waterspout-offset"
	HeaderAttempts  = "waterspout-attempts" // that count
)

// maxReason bounds a header: a panic's text is a stack.
const maxReason = 4096

// deadPause is between tries to write a dead letter.
const deadPause = time.Second

// givenUp is a record that is rejected or out of attempts. Its tracker holds it
// until end.
type givenUp struct {
	owner    *ownership
	number   uint64
	record   kafkaio.Record
	attempts int
	why      spout.Failure
}

// giveUp does with a record what the Spout says. It does not block.
func (s *Source) giveUp(g givenUp) {
	if s.dead != nil {
		s.dead.add(g)
		return
	}
	s.withoutDead(g)
}

func (s *Source) withoutDead(g givenUp) {
	if s.spec.GiveUp == Halt {
		s.halt(fmt.Errorf("kafka: record %s/%d offset %d was given up after %d attempts: %w",
			g.record.Topic, g.record.Partition, g.record.Offset, g.attempts, g.why))
		g.owner.park(g.number)
		return
	}
	s.dropped.Add(1)
	s.log.Warn("kafka: record dropped", "partition", g.owner.claim.String(), "offset", g.record.Offset,
		"attempts", g.attempts, "reason", g.why.Error())
	s.finish(g)
}

// finish ends a record that was given up.
func (s *Source) finish(g givenUp) {
	if g.owner.end(g.number) {
		s.rouse()
	}
}

// halt makes Run return err, and emits nothing more.
func (s *Source) halt(err error) {
	s.halting.Do(func() {
		s.fatal = err
		close(s.halted)
		for _, o := range *s.owned.Load() {
			o.stop()
		}
	})
}

// deadLetters writes given-up records to the dead-letter topic, on a goroutine
// of its own. A record counts as finished when the broker has its dead letter
// (rule P1).
type deadLetters struct {
	source *Source
	writer *kafkaio.Writer[givenUp]
	cancel context.CancelFunc
	ended  chan struct{}
	work   chan struct{} // the queue has something; room for one

	mu    sync.Mutex // guards queue
	queue []givenUp
}

func openDeadLetters(ctx context.Context, s *Source) (*deadLetters, error) {
	d := &deadLetters{source: s, ended: make(chan struct{}), work: make(chan struct{}, 1)}
	w, err := kafkaio.NewWriter(ctx, kafkaio.WriterOptions{
		Brokers: s.spec.Brokers, Topics: []string{s.spec.Dead}, Sarama: s.spec.Sarama,
	}, d.results)
	if err != nil {
		return nil, fmt.Errorf("dead-letter topic: %w", err)
	}
	d.writer = w
	running, cancel := context.WithCancel(context.Background())
	d.cancel = cancel
	go d.run(running)
	return d, nil
}

// close waits some seconds for what is being written.
func (d *deadLetters) close() error {
	d.cancel()
	<-d.ended
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	return d.writer.Close(ctx)
}

func (d *deadLetters) add(gs ...givenUp) {
	d.mu.Lock()
	d.queue = append(d.queue, gs...)
	d.mu.Unlock()
	signal(d.work)
}

func (d *deadLetters) run(ctx context.Context) {
	defer close(d.ended)
	for {
		select {
		case <-ctx.Done():
			return
		case <-d.work:
		}
		d.mu.Lock()
		queue := d.queue
		d.queue = nil
		d.mu.Unlock()
		for _, g := range queue {
			r := g.letter(d.source.spec.Dead)
			_ = d.writer.Write(ctx, &r, g) // an error is ctx's: the Writer has the record
		}
		_ = d.writer.Push(ctx) // as above
	}
}

// results ends the records whose dead letters are written. It runs on a
// goroutine of the writer.
func (d *deadLetters) results(r kafkaio.Result[givenUp]) {
	_, refused := errors.AsType[*kafkaio.RefusedError](r.Err)
	outage := r.Err
	if refused { // an answer: nothing is tried again, and what becomes of the record says why
		outage = nil
	}
	d.source.member.Troubled("dead letters", outage)
	if outage != nil {
		again := slices.Clone(r.Tokens)
		time.AfterFunc(deadPause, func() { d.add(again...) })
		return
	}
	for _, g := range r.Tokens {
		if refused {
			line, stack, _ := strings.Cut(g.why.Text, "\n")
			g.why.Text = fmt.Sprintf("%s (and its dead letter was refused: %v)\n%s", line, r.Err, stack)
			d.source.withoutDead(g)
			continue
		}
		d.source.written.Add(1)
		d.source.finish(g)
	}
}

// letter is the record as it goes to the dead-letter topic.
func (g givenUp) letter(topic string) kafkaio.Record {
	r := g.record
	reason := g.why.Error()
	if _, stack, more := strings.Cut(g.why.Text, "\n"); more {
		reason += "\n" + stack
	}
	r.Headers = append(slices.Clip(r.Headers),
		kafkaio.Header{Key: HeaderReason, Value: []byte(reason[:min(len(reason), maxReason)])},
		kafkaio.Header{Key: HeaderComponent, Value: []byte(g.why.Component)},
		kafkaio.Header{Key: HeaderTopic, Value: []byte(r.Topic)},
		kafkaio.Header{Key: HeaderPartition, Value: strconv.AppendInt(nil, int64(r.Partition), 10)},
		kafkaio.Header{Key: HeaderOffset, Value: strconv.AppendInt(nil, r.Offset, 10)},
		kafkaio.Header{Key: HeaderAttempts, Value: strconv.AppendInt(nil, int64(g.attempts), 10)},
	)
	r.Topic = topic
	if !kafkaio.Timely(r.Time) {
		r.Time = time.Time{} // a letter of now rather than none
	}
	return r
}

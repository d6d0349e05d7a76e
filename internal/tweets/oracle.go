package tweets

import (
	"context"
	"fmt"
	"hash/maphash"

	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/kafka/kafkatest"
)

// Data is a part of a topic: from some offsets to others. A partition that From
// does not name begins with its oldest record, one that To does not name ends
// with the newest at the time of the check.
type Data struct {
	Topic    string
	From, To kafkatest.Offsets
}

// A Check compares an input with what a job wrote. Its fields are set before
// Run, and may be read from then on only.
type Check struct {
	In  Data
	Out Data
	// Dead is the dead-letter topic, where inputs that are no tweets are
	// expected; with an empty topic they are expected nowhere.
	Dead Data
	// Progress, if it is not nil, is called for every record read.
	Progress func()
}

// Run reads everything, which takes 8 bytes of memory a record, and compares.
func (c Check) Run(ctx context.Context, b *kafkatest.Broker) (Verdict, error) {
	r := reader{broker: b, seed: maphash.MakeSeed(), progress: c.Progress}
	var v Verdict
	in, err := r.hashes(ctx, c.In, func(value []byte) bool {
		v.In++
		if Valid(value) {
			return true
		}
		v.Bad++
		return c.Dead.Topic != ""
	})
	if err != nil {
		return v, err
	}
	out, err := r.hashes(ctx, c.Out, all)
	if err != nil {
		return v, err
	}
	if c.Dead.Topic != "" {
		dead, err := r.hashes(ctx, c.Dead, all)
		if err != nil {
			return v, err
		}
		out = append(out, dead...)
	}
	v.Out = len(out)
	v.compare(in, out)
	return v, nil
}

func all([]byte) bool { return true }

type reader struct {
	broker   *kafkatest.Broker
	seed     maphash.Seed
	progress func()
}

// hashes are those of the values that are to be kept.
func (r reader) hashes(ctx context.Context, d Data, keep func([]byte) bool) ([]uint64, error) {
	var out []uint64
	for record, err := range r.broker.Records(ctx, d.Topic, d.From) {
		if err != nil {
			return nil, fmt.Errorf("tweets: check: %w", err)
		}
		if r.progress != nil {
			r.progress()
		}
		if d.has(record) && keep(record.Value) {
			out = append(out, maphash.Bytes(r.seed, record.Value))
		}
	}
	return out, nil
}

func (d Data) has(r kafka.Record) bool {
	to, bounded := d.To[r.Partition]
	return !bounded || r.Offset < to
}

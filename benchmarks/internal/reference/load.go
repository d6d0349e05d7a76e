package reference

import (
	"context"
	"encoding/binary"
	"fmt"
	"iter"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
	"github.com/waterspout/waterspout/internal/tweets"
	"github.com/waterspout/waterspout/kafka"
)

// Offer is one call of [Load].
type Offer struct {
	Brokers []string
	In, Out string
	Rate    int     // records a second
	Seconds float64 // of load
	Warm    float64 // seconds of it, at the beginning, that are not measured
}

// period is the time between two sends: what is due goes out together.
const period = time.Millisecond

// Load sends tweets on a schedule that is made before, whether or not anything
// comes back (open loop), and reads the output. A latency is the time from the
// moment a record was to be sent to its arrival here, so a generator that is
// late counts against the job; by how much it was late is part of the result.
func Load(ctx context.Context, o Offer) (harness.Latency, error) {
	l, err := newLoad(o)
	if err != nil {
		return harness.Latency{}, err
	}
	defer l.client.Close()
	ctx, cancel := context.WithTimeout(ctx, time.Duration(o.Seconds*float64(time.Second))+stall)
	defer cancel()
	l.begin = time.Now().Add(50 * time.Millisecond)
	var sender sync.WaitGroup
	sender.Go(func() { l.send(ctx) })
	err = l.receive(ctx)
	sender.Wait()
	if err != nil {
		return harness.Latency{}, err
	}
	return l.latency(), nil
}

type load struct {
	Offer
	client     *kgo.Client
	records    []kgo.Record // of the whole schedule, encoded
	burst      int          // records per period
	begin      time.Time
	unmeasured int // records at the beginning
	seen       []bool
	arrived    *hdrhistogram.Histogram // microseconds
	late       *hdrhistogram.Histogram
}

func newLoad(o Offer) (*load, error) {
	l := &load{
		Offer: o, burst: max(o.Rate*int(period)/int(time.Second), 1),
		arrived: hdrhistogram.New(1, 60e6, 3), late: hdrhistogram.New(1, 60e6, 3),
	}
	n := int(o.Seconds * float64(o.Rate))
	l.unmeasured = int(o.Warm * float64(o.Rate))
	l.seen = make([]bool, n)
	l.records = make([]kgo.Record, 0, n)
	next, stop := iter.Pull(tweets.New(1).Records(0, uint64(n)))
	defer stop()
	for i := range n {
		var r kafka.Record
		r, _ = next()
		partition := int32(i / l.burst % partitions)
		l.records = append(l.records, kgo.Record{Topic: o.In, Partition: partition, Value: r.Value})
	}
	var err error
	l.client, err = kgo.NewClient(
		kgo.SeedBrokers(o.Brokers...),
		kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerBatchCompression(kgo.NoCompression()),
		kgo.ProducerLinger(0),
		kgo.DisableIdempotentWrite(),
		kgo.RequiredAcks(kgo.LeaderAck()),
		kgo.MaxProduceRequestsInflightPerBroker(64),
		kgo.ConsumeTopics(o.Out),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	)
	return l, err
}

// due is when record i is to be sent.
func (l *load) due(i int) time.Time {
	return l.begin.Add(time.Duration(i/l.burst*l.burst) * time.Second / time.Duration(l.Rate))
}

func (l *load) send(ctx context.Context) {
	for i := 0; i < len(l.records) && ctx.Err() == nil; i += l.burst {
		due := l.due(i)
		if wait := time.Until(due); wait > 0 {
			time.Sleep(wait)
		}
		if i >= l.unmeasured {
			_ = l.late.RecordValue(max(time.Since(due).Microseconds(), 1)) // within the range, as all of a run is
		}
		for k := i; k < min(i+l.burst, len(l.records)); k++ {
			// An error shows as a record that does not arrive.
			l.client.Produce(ctx, &l.records[k], nil)
		}
	}
}

func (l *load) receive(ctx context.Context) error {
	for left := len(l.records); left > 0; {
		fetches := l.client.PollFetches(ctx)
		now := time.Now()
		if ctx.Err() != nil {
			return fmt.Errorf("reference: %d of %d records did not arrive within %v", left, len(l.records), stall)
		}
		if err := fetches.Err(); err != nil {
			return err
		}
		for r := fetches.RecordIter(); !r.Done(); {
			i, err := number(r.Next().Value)
			if err != nil {
				return err
			}
			if l.seen[i] {
				continue // a duplicate
			}
			l.seen[i] = true
			left--
			if i >= l.unmeasured {
				_ = l.arrived.RecordValue(max(now.Sub(l.due(i)).Microseconds(), 1)) // as above
			}
		}
	}
	return nil
}

// number is a tweet's, from its user name.
func number(value []byte) (int, error) {
	length, n := binary.Varint(value)
	if n <= 0 || length < 0 || int(length) > len(value)-n {
		return 0, fmt.Errorf("reference: the output has %q", value)
	}
	user := string(value[n : n+int(length)])
	return strconv.Atoi(strings.TrimLeft(user, "zerglin"))
}

func (l *load) latency() harness.Latency {
	ms := func(h *hdrhistogram.Histogram, q float64) float64 { return float64(h.ValueAtQuantile(q)) / 1000 }
	return harness.Latency{
		P50: ms(l.arrived, 50), P99: ms(l.arrived, 99), P999: ms(l.arrived, 99.9), Max: ms(l.arrived, 100),
		Late: ms(l.late, 99),
	}
}

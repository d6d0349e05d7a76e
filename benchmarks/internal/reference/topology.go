package reference

import (
	"context"
	"log/slog"
	"os"

	"github.com/waterspout/waterspout/avro"
	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/internal/tweets"
	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/topology"
	"github.com/waterspout/waterspout/transport/natsnet"
)

var tweetCodec = avro.Must(avro.New[tweets.Tweet](tweets.Schema))

// compressions are how the topology's output is compressed, by contender.
var compressions = map[string]kafka.Compression{
	"acked":        kafka.None,
	"acked/gzip":   kafka.Gzip,
	"acked/snappy": kafka.Snappy,
	"acked/lz4":    kafka.LZ4,
	"acked/zstd":   kafka.Zstd,
	"unacked":      kafka.None,
}

// running is the topology as a job.
type running struct {
	*cluster.Running
	acked    bool
	poisoned *poisoned // nil if no record is
}

func startTopology(ctx context.Context, s Spec) (job, error) {
	var opts []topology.SpoutOption
	if s.Contender == "unacked" {
		opts = append(opts, topology.Untracked())
	}
	var p *poisoned
	if s.Poison > 0 {
		p = &poisoned{every: s.Poison}
	}
	if s.Pending > 0 {
		opts = append(opts, topology.MaxPending(s.Pending))
	}
	topo, err := build(s, p, opts...)
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	var mode cluster.Mode = cluster.Local{Log: log}
	if s.NATS != "" {
		mode = cluster.Worker{Net: natsnet.Net{URL: s.NATS, Log: log}, Log: log}
	}
	r, err := cluster.Start(ctx, topo, mode)
	if err != nil {
		return nil, err
	}
	return &running{Running: r, acked: s.Contender != "unacked", poisoned: p}, nil
}

func build(s Spec, p *poisoned, opts ...topology.SpoutOption) (*topology.Topology, error) {
	in := kafka.Spout{Brokers: s.Brokers, Topics: []string{s.In}, Group: s.Group, Instance: s.Instance, CommitEvery: commitEvery}
	out := kafka.Bolt{Brokers: s.Brokers, Topic: s.Out, Compression: compressions[s.Contender]}
	b := topology.New("tweets")
	raw := topology.Spout(b, "read", in.New, append(opts, topology.Parallelism(s.Tasks.Spouts))...)
	decoded := p.decode(raw, s.Tasks.Decoders)
	encoded := topology.Bolt(decoded.By(grouping.Shuffle), "encode", avro.Encoder(tweetCodec, kafka.Of), topology.Parallelism(s.Tasks.Encoders))
	topology.Bolt(encoded.By(grouping.Shuffle), "write", out.New, topology.Parallelism(s.Tasks.Writers))
	return b.Build()
}

// written counts trees that were acked; without acking, records that the broker
// has.
func (r *running) written() uint64 { return r.progress().Written }

func (r *running) progress() (p Progress) {
	for _, c := range r.Stats().Components {
		if c.Name == "read" && r.acked || c.Name == "write" && !r.acked {
			p.Written = c.Acked
		}
		p.Executed += c.Executed
		p.Abroad += c.Abroad
	}
	p.Attempts = r.poisoned.count()
	return p
}

func (r *running) failed() <-chan struct{} { return r.Done() }

func (r *running) stop(ctx context.Context) error { return r.Drain(ctx) }

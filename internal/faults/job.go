//go:build unix

package faults

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/IBM/sarama"

	"github.com/waterspout/waterspout/avro"
	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/internal/kafkaio"
	"github.com/waterspout/waterspout/internal/tweets"
	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/topology"
	"github.com/waterspout/waterspout/transport"
	"github.com/waterspout/waterspout/transport/natsnet"
)

// A Job is the reference job: tweets are read from a topic, decoded, encoded, and
// written to another one. Its zero value is ready for use.
type Job struct {
	In, Out, Group                      string // "in", "out", "terran" if empty
	Spouts, Decoders, Encoders, Writers int    // tasks: 1, 4, 4, 1 if 0
	MaxPending                          int    // trees of a spout task; the library's own if 0

	// Session is the session timeout in the consumer group; the client's own if
	// 0.
	Session time.Duration
}

func (j Job) filled() Job {
	text := func(s *string, value string) {
		if *s == "" {
			*s = value
		}
	}
	number := func(n *int, value int) {
		if *n == 0 {
			*n = value
		}
	}
	text(&j.In, "in")
	text(&j.Out, "out")
	text(&j.Group, "terran")
	number(&j.Spouts, 1)
	number(&j.Decoders, 4)
	number(&j.Encoders, 4)
	number(&j.Writers, 1)
	number(&j.MaxPending, topology.DefaultMaxPending)
	return j
}

// tasks is how many there are, and of how many of them the first ones are spouts.
func (j Job) tasks() int { return j.Spouts + j.Decoders + j.Encoders + j.Writers }

var codec = avro.Must(avro.New[tweets.Tweet](tweets.Schema))

func (j Job) topology(brokers []string, pause *atomic.Int64) (*topology.Topology, error) {
	conf, err := j.sarama()
	if err != nil {
		return nil, err
	}
	in := kafka.Spout{Brokers: brokers, Topics: []string{j.In}, Group: j.Group, Sarama: conf}
	out := kafka.Bolt{Brokers: brokers, Topic: j.Out}
	b := topology.New("faults")
	raw := topology.Spout(b, "read", in.New, topology.Parallelism(j.Spouts), topology.MaxPending(j.MaxPending))
	decoded := topology.Bolt(raw.By(grouping.Shuffle), "decode", avro.Decoder(codec, kafka.Value, bolt.Drop), topology.Parallelism(j.Decoders))
	encoded := topology.Bolt(decoded.By(grouping.Shuffle), "encode", avro.Encoder(codec, kafka.Of), topology.Parallelism(j.Encoders))
	slow := func() *writer { return &writer{out.New(), pause} }
	topology.Bolt(encoded.By(grouping.Shuffle), "write", slow, topology.Parallelism(j.Writers))
	return b.Build()
}

// sarama is the configuration of the spouts, nil for the library's own.
func (j Job) sarama() (*sarama.Config, error) {
	if j.Session == 0 {
		return nil, nil
	}
	conf, err := kafkaio.NewConfig(nil)
	if err != nil {
		return nil, err
	}
	conf.Consumer.Group.Session.Timeout = j.Session
	conf.Consumer.Group.Heartbeat.Interval = j.Session / 4
	return conf, nil
}

// A writer is the Kafka bolt, made slow on demand.
type writer struct {
	*kafka.Sink
	pause *atomic.Int64 // nanoseconds for a record
}

// Execute hands a record on, after the pause.
func (w *writer) Execute(ctx context.Context, r kafka.Record, out *bolt.Collector[bolt.None]) error {
	if pause := w.pause.Load(); pause > 0 {
		select {
		case <-time.After(time.Duration(pause)):
		case <-ctx.Done():
		}
	}
	return w.Sink.Execute(ctx, r, out)
}

type workerRole struct {
	Job     Job
	Name    string
	URL     string
	Brokers []string
}

// A tap is a Net that keeps its connection.
type tap struct {
	transport.Net
	conn atomic.Pointer[transport.Conn]
}

// Open implements transport.Net.
func (t *tap) Open(ctx context.Context, cluster, worker string) (transport.Conn, error) {
	c, err := t.Net.Open(ctx, cluster, worker)
	if err == nil {
		t.conn.Store(&c)
	}
	return c, err
}

func (t *tap) dropped() uint64 {
	if c := t.conn.Load(); c != nil {
		return (*c).Dropped()
	}
	return 0
}

func (w workerRole) run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop) // the second signal ends the program at once
	log := childLog()
	var pause atomic.Int64
	topo, err := w.Job.topology(w.Brokers, &pause)
	if err != nil {
		return err
	}
	net := &tap{Net: natsnet.Net{URL: w.URL, Log: log}}
	var running atomic.Pointer[cluster.Running]
	go serve(func(r request) Status {
		if r.Pause != nil {
			pause.Store(int64(*r.Pause))
		}
		s := Status{Dropped: net.dropped(), Goroutines: runtime.NumGoroutine()}
		if run := running.Load(); run != nil {
			s.Joined, s.Stats = true, run.Stats()
		}
		return s
	})
	run, err := cluster.Start(ctx, topo, cluster.Worker{Net: net, Name: w.Name, Log: log})
	if err != nil {
		return err
	}
	running.Store(run)
	return run.Wait()
}

func childLog() *slog.Logger {
	return slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

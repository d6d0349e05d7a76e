package kafka

import (
	"github.com/IBM/sarama"
)

// A Bolt describes the Kafka writer bolt. It is a plain value: its method New
// makes the tasks.
//
//	out := kafka.Bolt{Brokers: brokers, Topic: "zerg.hydra.out"}
//	topology.Bolt(encoded.By(grouping.Shuffle), "write", out.New)
//
// It writes idempotently and to all in-sync replicas, with one request in flight
// per broker and without lingering: batches grow with the load. The order of a
// task's inputs is kept per partition, but for those that fail and are replayed.
// A task holds up to 32 MiB that the broker has not acked.
type Bolt struct {
	Brokers []string // host:port; required
	// Topic is where records go; required unless TopicOf is set. A record's
	// own Topic, where it was read, is never used.
	Topic string
	// TopicOf names the topic of each record instead. It runs on the task's
	// goroutine. Topics that it names are not checked before the first
	// record, and a record for one that does not exist is rejected, as one
	// for a partition is by [Manual].
	TopicOf     func(Record) string
	Partitioner Partitioner
	// Compression of the batches; None leaves it to Sarama, if that is set.
	Compression Compression
	// Sarama is passed through for TLS, SASL, the network, and of its
	// Producer section MaxMessageBytes (of a record and of a batch; 1 MiB by
	// default), Timeout, Compression, CompressionLevel and Retry. It is
	// checked and copied, never changed; all else is the bolt's own. What
	// still is as sarama.NewConfig made it has our defaults, as if Sarama
	// were nil: they retry for about six seconds, and longer only what may
	// have been written. sarama's own metrics are kept only with it, in its
	// MetricRegistry.
	Sarama *sarama.Config
}

// New makes one task of the bolt; it connects in Open.
func (b Bolt) New() *Sink { return &Sink{bolt: b} }

// Name is what the bolt is in a topology's fingerprint: its topic.
func (b Bolt) Name() string {
	if b.TopicOf != nil {
		return "by record"
	}
	return b.Topic
}

// Compression of the batches that a bolt writes.
type Compression uint8

// The codecs. None is the default; LZ4 and Zstd are the cheap ones.
const (
	None Compression = iota
	Gzip
	Snappy
	LZ4
	Zstd
)

func (c Compression) codec() sarama.CompressionCodec {
	return [...]sarama.CompressionCodec{
		None:   sarama.CompressionNone,
		Gzip:   sarama.CompressionGZIP,
		Snappy: sarama.CompressionSnappy,
		LZ4:    sarama.CompressionLZ4,
		Zstd:   sarama.CompressionZSTD,
	}[c]
}

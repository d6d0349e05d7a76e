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
// It writes idempotently and to all in-sync replicas, batches without waiting
// for more, and keeps the order of its inputs per partition.
type Bolt struct {
	Brokers []string // host:port; required
	// Topic is where records go; required unless TopicOf is set. A record's
	// own Topic, where it was read, is never used.
	Topic string
	// TopicOf names the topic of each record instead. It runs on the task's
	// goroutine. Topics that it names are not checked before the first
	// record, and a record for one that does not exist is rejected.
	TopicOf     func(Record) string
	Partitioner Partitioner
	// Compression of the batches; None leaves it to Sarama, if that is set.
	Compression Compression
	// Sarama is passed through for TLS, SASL, timeouts, retries and sizes
	// (Producer.MaxMessageBytes bounds a record and a batch, 1 MiB by
	// default). It is checked and copied, never changed; acks, idempotence,
	// partitioner and requests in flight are the bolt's own. Nil is our
	// defaults.
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

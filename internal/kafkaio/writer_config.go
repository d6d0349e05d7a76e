package kafkaio

import (
	"fmt"
	"time"

	"github.com/IBM/sarama"
)

// WriterOptions say where a Writer writes, and how.
type WriterOptions struct {
	Brokers     []string
	Topics      []string // must exist and be writable; more may be written to
	Manual      bool     // Record.Partition says where a record goes
	Compression sarama.CompressionCodec
	Sarama      *sarama.Config // the user's, or nil
}

// Retries of a batch that was not written: about 6 s in all, so that a leader's move
// is ridden out here and a longer outage is left to the spout, which has the time.
const (
	writeRetries = 8
	retryBackoff = 50 * time.Millisecond
	maxBackoff   = time.Second
)

// requestOverhead is ample room for what a request has besides its one batch.
const requestOverhead = 10 << 10

// producerConfig is the configuration of the options' client. Of its Producer
// section the Writer uses MaxMessageBytes, Timeout, Compression,
// CompressionLevel, Retry.Max, Retry.Backoff and Retry.BackoffFunc.
func (o WriterOptions) producerConfig() (*sarama.Config, error) {
	conf, err := WriterConfig(o.Sarama)
	if err != nil {
		return nil, err
	}
	if limit := int(sarama.MaxRequestSize) - requestOverhead; conf.Producer.MaxMessageBytes > limit {
		return nil, fmt.Errorf("sarama config: Producer.MaxMessageBytes is %d; set at most %d", conf.Producer.MaxMessageBytes, limit)
	}
	if o.Compression != sarama.CompressionNone {
		conf.Producer.Compression = o.Compression
	}
	if _, err := newCompression(conf); err != nil {
		return nil, fmt.Errorf("sarama config: Producer.CompressionLevel %d: %w", conf.Producer.CompressionLevel, err)
	}
	return conf, nil
}

func backoff(retries, _ int) time.Duration {
	return min(retryBackoff<<min(max(retries, 1)-1, 10), maxBackoff)
}

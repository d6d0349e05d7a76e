package kafkaio

import (
	"encoding/binary"
	"time"

	"github.com/IBM/sarama"
)

// recordOverhead is the most that a record takes besides its key, value and
// headers: five varints of 32 bits, one of 64, the attributes.
const recordOverhead = 5*binary.MaxVarintLen32 + binary.MaxVarintLen64 + 1

// A batch is records of one partition that are sent, and accepted or refused,
// together.
type batch[T any] struct {
	records  []sarama.Record
	pointers []*sarama.Record // into records, as sarama wants them
	tokens   []T
	first    time.Time // the time that the records' times are relative to
	bytes    int       // at most what the batch takes uncompressed
	tries    int       // how often it failed
	sequence int32     // of its first record, once it was sent; else -1
	wire     sarama.RecordBatch
}

// size is the most that r takes in a batch.
func size(r *Record) int {
	n := recordOverhead + len(r.Key) + len(r.Value)
	for i := range r.Headers {
		n += len(r.Headers[i].Key) + len(r.Headers[i].Value) + 2*binary.MaxVarintLen32
	}
	return n
}

func (b *batch[T]) add(r *Record, at time.Time, token T, bytes int) {
	if len(b.records) == 0 {
		b.first = at
	}
	b.records = append(b.records, sarama.Record{
		Key: r.Key, Value: r.Value, Headers: wireHeaders(r.Headers), TimestampDelta: at.Sub(b.first),
		OffsetDelta: int64(len(b.records)),
	})
	b.tokens = append(b.tokens, token)
	b.bytes += bytes
}

func wireHeaders(hs []Header) []*sarama.RecordHeader {
	if len(hs) == 0 {
		return nil
	}
	all, out := make([]sarama.RecordHeader, len(hs)), make([]*sarama.RecordHeader, len(hs))
	for i, h := range hs {
		all[i] = sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value}
		out[i] = &all[i]
	}
	return out
}

// sealed reports whether b was sent and takes no more records.
func (b *batch[T]) sealed() bool { return len(b.pointers) > 0 }

// seal makes what is sent. sarama encodes it once, also if it is sent again with
// another producer id or sequence.
func (b *batch[T]) seal(conf *sarama.Config, id identity) *sarama.RecordBatch {
	if !b.sealed() {
		var latest time.Duration
		for i := range b.records {
			b.pointers = append(b.pointers, &b.records[i])
			latest = max(latest, b.records[i].TimestampDelta)
		}
		b.wire = sarama.RecordBatch{
			Version: 2, Codec: conf.Producer.Compression, CompressionLevel: conf.Producer.CompressionLevel,
			FirstTimestamp: b.first, MaxTimestamp: b.first.Add(latest),
			LastOffsetDelta: int32(len(b.records) - 1), Records: b.pointers,
		}
	}
	b.wire.ProducerID, b.wire.ProducerEpoch, b.wire.FirstSequence = id.producer, id.epoch, b.sequence
	return &b.wire
}

// split moves the second half of b's records to into.
func (b *batch[T]) split(into *batch[T]) {
	half := len(b.records) / 2
	into.records = append(into.records, b.records[half:]...)
	into.tokens = append(into.tokens, b.tokens[half:]...)
	into.first, into.bytes, into.tries = b.first, b.bytes/2, b.tries
	for i := range into.records {
		into.records[i].OffsetDelta = int64(i)
	}
	b.records, b.tokens, b.pointers = b.records[:half], b.tokens[:half], b.pointers[:0]
	b.bytes -= into.bytes
}

// reset drops what belongs to others and keeps the memory.
func (b *batch[T]) reset() {
	clear(b.records)
	clear(b.tokens)
	*b = batch[T]{records: b.records[:0], pointers: b.pointers[:0], tokens: b.tokens[:0], sequence: -1}
}

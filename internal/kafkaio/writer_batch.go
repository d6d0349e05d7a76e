package kafkaio

import (
	"encoding/binary"
	"time"

	"github.com/IBM/sarama"
)

// recordOverhead is the most that a record takes besides its key, value and
// headers: five varints of 32 bits, one of 64, the attributes.
const recordOverhead = 5*binary.MaxVarintLen32 + binary.MaxVarintLen64 + 1

// A part is what Write collected for one partition in one go, in the memory that
// sarama reads. It goes as a whole into a batch, to the broker, and back to the
// caller with its outcome.
type part[T any] struct {
	to      *partition[T]
	records []sarama.Record // their TimestampDelta is a time in milliseconds, until the batch is sealed
	tokens  []T
	bytes   int // at most what the records take uncompressed
}

// add appends a record of the time at, in milliseconds since 1970.
func (c *part[T]) add(r *Record, at int64, token T, bytes int) {
	c.records = append(c.records, sarama.Record{
		Key: r.Key, Value: r.Value, Headers: wireHeaders(r.Headers), TimestampDelta: time.Duration(at),
	})
	c.tokens = append(c.tokens, token)
	c.bytes += bytes
}

// split moves the records from the nth on to into.
func (c *part[T]) split(n int, into *part[T]) {
	into.to = c.to
	into.records = append(into.records, c.records[n:]...)
	into.tokens = append(into.tokens, c.tokens[n:]...)
	clear(c.records[n:])
	clear(c.tokens[n:])
	c.records, c.tokens = c.records[:n], c.tokens[:n]
	into.bytes = c.bytes * len(into.records) / (n + len(into.records))
	c.bytes -= into.bytes
}

// reset drops what belongs to others and keeps the memory.
func (c *part[T]) reset() {
	clear(c.records)
	clear(c.tokens)
	*c = part[T]{records: c.records[:0], tokens: c.tokens[:0]}
}

// size is the most that r takes in a batch.
func size(r *Record) int {
	n := recordOverhead + len(r.Key) + len(r.Value)
	for i := range r.Headers {
		n += len(r.Headers[i].Key) + len(r.Headers[i].Value) + 2*binary.MaxVarintLen32
	}
	return n
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

// A batch is records of one partition that are sent, and accepted or refused,
// together.
type batch[T any] struct {
	parts    []*part[T]
	count    int // records
	bytes    int
	full     bool             // takes no more, since it was chosen to be sent
	tries    int              // how often it failed
	sequence int32            // of its first record, once it was sent; else -1
	first    int64            // sealed: the time that the records' times are relative to
	pointers []*sarama.Record // sealed: to the records, as sarama wants them
	wire     sarama.RecordBatch
}

func (b *batch[T]) add(c *part[T]) {
	b.parts = append(b.parts, c)
	b.count += len(c.records)
	b.bytes += c.bytes
}

// seal makes what is sent. sarama encodes it once, also if it is sent again with
// another producer id or sequence.
func (b *batch[T]) seal(conf *sarama.Config, id identity) *sarama.RecordBatch {
	if len(b.pointers) == 0 {
		latest := b.number()
		b.wire = sarama.RecordBatch{
			Version: 2, Codec: conf.Producer.Compression, CompressionLevel: conf.Producer.CompressionLevel,
			FirstTimestamp: time.UnixMilli(b.first), MaxTimestamp: time.UnixMilli(latest),
			LastOffsetDelta: int32(b.count - 1), Records: b.pointers,
		}
	}
	b.wire.ProducerID, b.wire.ProducerEpoch, b.wire.FirstSequence = id.producer, id.epoch, b.sequence
	return &b.wire
}

// number makes the records' offsets and times relative to the first's, and returns
// the latest time.
func (b *batch[T]) number() (latest int64) {
	b.first = int64(b.parts[0].records[0].TimestampDelta)
	latest = b.first
	for _, c := range b.parts {
		for i := range c.records {
			r := &c.records[i]
			at := int64(r.TimestampDelta)
			latest = max(latest, at)
			r.TimestampDelta = time.Duration(at-b.first) * time.Millisecond
			r.OffsetDelta = int64(len(b.pointers))
			b.pointers = append(b.pointers, r)
		}
	}
	return latest
}

// unseal is the way back, for a batch that will be sent in other pieces.
func (b *batch[T]) unseal() {
	for _, r := range b.pointers {
		r.TimestampDelta = r.TimestampDelta/time.Millisecond + time.Duration(b.first)
	}
	b.pointers = b.pointers[:0]
}

// split moves the second half of b's records to into; fresh makes a part.
func (b *batch[T]) split(into *batch[T], fresh func() *part[T]) {
	b.unseal()
	parts, half := b.parts, b.count/2
	b.parts, b.count, b.bytes = nil, 0, 0
	into.full, into.tries = b.full, b.tries
	for _, c := range parts {
		switch room := half - b.count; {
		case room <= 0:
			into.add(c)
		case len(c.records) <= room:
			b.add(c)
		default:
			rest := fresh()
			c.split(room, rest)
			b.add(c)
			into.add(rest)
		}
	}
}

// reset drops what belongs to others and keeps the memory.
func (b *batch[T]) reset() {
	clear(b.parts)
	clear(b.pointers)
	*b = batch[T]{parts: b.parts[:0], pointers: b.pointers[:0], sequence: -1}
}

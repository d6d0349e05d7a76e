package kafkaio

import (
	"encoding/binary"
	"slices"
	"time"

	"github.com/IBM/sarama"
)

// recordOverhead is the most that a record takes besides its key, value and
// headers: five varints of 32 bits, one of 64, the attributes.
const recordOverhead = 5*binary.MaxVarintLen32 + binary.MaxVarintLen64 + 1

// size is the most that r takes in a batch.
func size(r *Record) int {
	n := recordOverhead + len(r.Key) + len(r.Value)
	for i := range r.Headers {
		n += len(r.Headers[i].Key) + len(r.Headers[i].Value) + 2*binary.MaxVarintLen32
	}
	return n
}

// A batch is records of one partition that are sent, and accepted or refused,
// together. They are encoded when they are added, so that a batch keeps nothing of
// its records but their tokens, and is sent again as it was.
type batch[T any] struct {
	encoded       []byte
	packed        []byte // encoded, compressed
	tokens        []T    // of the records
	first, latest int64  // times in milliseconds since 1970: of the first record, and the greatest
	bytes         int    // at most what the records take
	full          bool   // takes no more, since it was chosen to be sent
	tries         int    // how often it failed
	sequence      int32  // of its first record, once it was sent; else -1
	wire          sarama.RecordBatch
	blank         []*sarama.Record // as many nils as it has records
}

func (b *batch[T]) count() int { return len(b.tokens) }

// add appends a record of the time at, in milliseconds since 1970.
func (b *batch[T]) add(r *Record, at int64, token T, bytes int) {
	if len(b.tokens) == 0 {
		b.first, b.latest = at, at
	}
	b.latest = max(b.latest, at)
	b.encoded = appendRecord(b.encoded, r, at-b.first, int64(len(b.tokens)))
	b.tokens = append(b.tokens, token)
	b.bytes += bytes
}

// seal makes what is sent. What it made before is sent again with another producer
// id or sequence.
func (b *batch[T]) seal(conf *sarama.Config, pack *compression, id identity) *sarama.RecordBatch {
	if b.wire.Records == nil {
		b.wire = sarama.RecordBatch{
			Version: 2, Codec: conf.Producer.Compression, CompressionLevel: conf.Producer.CompressionLevel,
			FirstTimestamp: time.UnixMilli(b.first), MaxTimestamp: time.UnixMilli(b.latest),
			LastOffsetDelta: int32(b.count() - 1),
		}
		if !b.prepare(pack) {
			b.wire.Records = b.records()
		}
	}
	b.wire.ProducerID, b.wire.ProducerEpoch, b.wire.FirstSequence = id.producer, id.epoch, b.sequence
	return &b.wire
}

// prepare gives sarama the records as bytes, and reports whether it could.
func (b *batch[T]) prepare(pack *compression) bool {
	if !ready.ok {
		return false
	}
	content := b.encoded
	if pack.codec != sarama.CompressionNone {
		var err error
		if b.packed, err = pack.append(b.packed[:0], b.encoded); err != nil {
			return false // sarama will fail, too, and say so
		}
		content = b.packed
	}
	b.blank = slices.Grow(b.blank, b.count())[:b.count()]
	b.wire.Records = b.blank
	ready.set(&b.wire, content, len(b.encoded))
	return true
}

// records are the batch's as sarama encodes and compresses them.
func (b *batch[T]) records() []*sarama.Record {
	all, out := make([]sarama.Record, b.count()), make([]*sarama.Record, b.count())
	rest := cutter(b.encoded)
	for i := range all {
		r, at := rest.record()
		all[i] = sarama.Record{
			Key: r.Key, Value: r.Value, Headers: wireHeaders(r.Headers),
			TimestampDelta: time.Duration(at) * time.Millisecond, OffsetDelta: int64(i),
		}
		out[i] = &all[i]
	}
	return out
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

// split moves b's records to two batches of about half of them each.
func (b *batch[T]) split(one, two *batch[T]) {
	one.full, one.tries = b.full, b.tries
	two.full, two.tries = b.full, b.tries
	rest, half, into := cutter(b.encoded), b.count()/2, one
	for i, token := range b.tokens {
		if i == half {
			into = two
		}
		r, at := rest.record()
		into.add(&r, b.first+at, token, size(&r))
	}
}

// reset drops what belongs to others and keeps the memory.
func (b *batch[T]) reset() {
	clear(b.tokens)
	*b = batch[T]{encoded: b.encoded[:0], packed: b.packed[:0], tokens: b.tokens[:0], blank: b.blank[:0], sequence: -1}
}

package kafkaio

import (
	"cmp"
	"errors"
	"slices"
	"time"
	"unsafe"

	"github.com/IBM/sarama"
)

// errOldFormat is for topics that were never rewritten since Kafka 0.10.
var errOldFormat = errors.New("the partition has records in a format from before Kafka 0.11; have the broker convert them")

// unpack makes a batch of what a broker answered: the records from offset next
// on, without those of aborted transactions if committed is set. A broker may
// send whole batches that begin earlier.
func unpack(topic string, partition int32, next int64, block *sarama.FetchResponseBlock, committed bool) (Batch, error) {
	aborted := abortions{pending: block.AbortedTransactions, open: map[int64]bool{}}
	slices.SortFunc(aborted.pending, func(a, b *sarama.AbortedTransaction) int {
		return cmp.Compare(a.FirstOffset, b.FirstOffset)
	})
	total := 0
	for _, set := range block.RecordsSet {
		if set.RecordBatch == nil {
			return Batch{}, errOldFormat
		}
		total += len(set.RecordBatch.Records)
	}
	out := Batch{Next: next, Records: make([]Fetched, 0, total)}
	for _, set := range block.RecordsSet {
		from := set.RecordBatch
		skip := aborted.covers(from) && committed
		if !skip && !from.Control {
			out.append(topic, partition, next, from)
		}
		out.Next = max(out.Next, from.LastOffset()+1)
	}
	return out, nil
}

// append adds the records of from that are at next or later.
func (b *Batch) append(topic string, partition int32, next int64, from *sarama.RecordBatch) {
	o := &origin{topic, partition, from}
	for _, r := range from.Records {
		f := Fetched{o, r}
		if offset := f.Offset(); offset >= next {
			b.Records = append(b.Records, f)
			b.Next = max(b.Next, offset+1)
			b.Bytes += f.bytes()
		}
	}
}

// A Fetched is a record as it was fetched: small, so that what waits costs little to
// pass on and to keep.
type Fetched struct {
	from   *origin
	record *sarama.Record
}

// An origin is what records have in common.
type origin struct {
	topic     string
	partition int32
	batch     *sarama.RecordBatch
}

// FetchedFrom is a record as it would be fetched, for tests of readers.
func FetchedFrom(r Record) Fetched {
	return Fetched{
		&origin{r.Topic, r.Partition, &sarama.RecordBatch{FirstOffset: r.Offset, FirstTimestamp: r.Time}},
		&sarama.Record{Key: r.Key, Value: r.Value, Headers: wireHeaders(r.Headers)},
	}
}

// Offset is where the record is in its partition.
func (f Fetched) Offset() int64 { return f.from.batch.FirstOffset + f.record.OffsetDelta }

// Record is the record; its slices alias the fetched bytes.
func (f Fetched) Record() Record {
	return Record{
		Topic: f.from.topic, Partition: f.from.partition, Offset: f.Offset(),
		Key: f.record.Key, Value: f.record.Value, Time: f.time(), Headers: fromHeaders(f.record.Headers),
	}
}

func (f Fetched) time() time.Time {
	if f.from.batch.LogAppendTime {
		return f.from.batch.MaxTimestamp
	}
	if f.from.batch.FirstTimestamp.IsZero() { // negative in the log: sarama does not tell what it was
		return time.Time{}
	}
	return f.from.batch.FirstTimestamp.Add(f.record.TimestampDelta)
}

func (f Fetched) bytes() int {
	n := int(unsafe.Sizeof(f)+unsafe.Sizeof(*f.record)) + len(f.record.Key) + len(f.record.Value)
	for _, h := range f.record.Headers {
		n += int(unsafe.Sizeof(*h)) + len(h.Key) + len(h.Value)
	}
	return n
}

func fromHeaders(from []*sarama.RecordHeader) []Header {
	if len(from) == 0 {
		return nil
	}
	hs := make([]Header, len(from))
	for i, h := range from {
		hs[i] = Header{Key: string(h.Key), Value: h.Value}
	}
	return hs
}

// abortions tell which batches belong to aborted transactions: from the offset
// that the broker names to the producer's abort marker.
type abortions struct {
	pending []*sarama.AbortedTransaction // by first offset
	open    map[int64]bool               // producers within one
}

// covers reports whether batch is part of an aborted transaction. Call it for
// each batch in order.
func (a *abortions) covers(batch *sarama.RecordBatch) bool {
	for len(a.pending) > 0 && a.pending[0].FirstOffset <= batch.LastOffset() {
		a.open[a.pending[0].ProducerID] = true
		a.pending = a.pending[1:]
	}
	if batch.Control {
		if isAbort(batch) {
			delete(a.open, batch.ProducerID)
		}
		return false
	}
	return batch.IsTransactional && a.open[batch.ProducerID]
}

// isAbort reads the key of a control record: version and type, two bytes each;
// type 0 is abort.
func isAbort(batch *sarama.RecordBatch) bool {
	if len(batch.Records) == 0 {
		return false
	}
	key := batch.Records[0].Key
	return len(key) >= 4 && key[2] == 0 && key[3] == 0
}

package kafkaio

import (
	"cmp"
	"errors"
	"slices"
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
	out := Batch{Next: next, Records: make([]Record, 0, total)}
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
	for _, r := range from.Records {
		offset := from.FirstOffset + r.OffsetDelta
		if offset < next {
			continue
		}
		at := from.MaxTimestamp
		if !from.LogAppendTime {
			at = from.FirstTimestamp.Add(r.TimestampDelta)
		}
		b.Records = append(b.Records, Record{
			Topic: topic, Partition: partition, Offset: offset,
			Key: r.Key, Value: r.Value, Time: at, Headers: fromHeaders(r.Headers),
		})
		b.Next = max(b.Next, offset+1)
		b.Bytes += int(unsafe.Sizeof(Record{})) + len(r.Key) + len(r.Value)
		for _, h := range r.Headers {
			b.Bytes += int(unsafe.Sizeof(Header{})) + len(h.Key) + len(h.Value)
		}
	}
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

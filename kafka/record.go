package kafka

import (
	"time"

	"github.com/waterspout/waterspout/internal/kafkaio"
)

// A Record is a message of a topic, as a [Source] emits it and a [Sink] takes
// it. The slices belong to whoever has the record, but the tuple may have other
// receivers: do not write to them. Those of a Source share the buffer of the fetch
// that they came with, up to a megabyte by default, and keep all of it alive: clone
// what is kept longer than the tuple.
type Record struct {
	Topic     string // where it was read; a Sink writes there only if its Bolt has TopicOf
	Partition int32  // where it was read; read by a Sink with the partitioner Manual
	Offset    int64  // where it was read
	Key       []byte // nil is no key
	Value     []byte // nil is a tombstone
	// Time is the broker's or the writer's; it is zero if the client cannot know it, of a
	// batch that began before 1970. A Sink writes a zero Time as now, and rejects records
	// from before 1970 or after 2261.
	Time    time.Time
	Headers []Header
}

// A Header is a name and a value beside a record's key and value. Names may
// repeat.
type Header = kafkaio.Header

// Value is the record's value, for avro.Decoder and the like.
func Value(r Record) []byte { return r.Value }

// Of is a record of a value and nothing else, for avro.Encoder and the like.
// The value is not copied.
func Of(value []byte) Record { return Record{Value: value} }

// AppendKey appends the record's key to b, for grouping.Bytes:
// records.By(grouping.Bytes(kafka.AppendKey)).
func AppendKey(r Record, b []byte) []byte { return append(b, r.Key...) }

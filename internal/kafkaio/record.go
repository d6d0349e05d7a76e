package kafkaio

import "time"

// A Record is a message of a topic. package kafka has a type of the same
// fields, so that one converts to the other without a copy in memory.
type Record struct {
	Topic     string
	Partition int32
	Offset    int64
	Key       []byte
	Value     []byte // nil is a tombstone
	Time      time.Time
	Headers   []Header
}

// A Header is a name and a value beside a record's key and value. Names may
// repeat.
type Header struct {
	Key   string
	Value []byte
}

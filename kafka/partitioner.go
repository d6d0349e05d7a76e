package kafka

// A Partitioner says which partition of its topic a record is written to.
type Partitioner uint8

const (
	// ByKey puts a record with a key where the Java client would (murmur2 of
	// the key), and records without one together in one partition after the
	// other, batch by batch.
	ByKey Partitioner = iota
	// Manual uses Record.Partition. A record for a partition that the topic
	// does not have is rejected.
	Manual
)

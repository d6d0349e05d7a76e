package kafka

// A Partitioner says which partition of its topic a record is written to.
type Partitioner uint8

const (
	// ByKey puts a record with a key where the Java client would (murmur2 of
	// the key), and records without one in one partition after the other: up to
	// 256 KiB in a row while others are on their way, since few and large batches
	// are cheap for a broker, and what is there at once if none are.
	ByKey Partitioner = iota
	// Manual uses Record.Partition. A record for a partition that the topic
	// does not have is rejected, after a look at the brokers. That is taken
	// once a second: in between such a record fails, so that it comes again.
	Manual
)

// Package kafka reads and writes Kafka topics: a [Spout] of records and a [Bolt]
// that writes them, both at least once.
//
//	in := kafka.Spout{Brokers: brokers, Topics: []string{"zerg.hydra"}, Group: "terran"}
//	out := kafka.Bolt{Brokers: brokers, Topic: "zerg.hydra.out"}
//	raw := topology.Spout(b, "read", in.New, topology.Parallelism(5))
//	...
//	topology.Bolt(encoded.By(grouping.Shuffle), "write", out.New)
//
// Both are plain values that make tasks. Each task of a Spout, a [Source], is a
// member of one consumer group, so Kafka decides which task reads which
// partition: with 10 partitions 1 task reads all of them, 5 read two each, and of
// 14 four are idle until another one goes. A Source commits an offset only when
// everything before it is finished, and holds what is not finished in memory, to
// replay it from there. A task of a Bolt, a [Sink], acks its input when the broker has the
// record on all in-sync replicas.
//
// The invariant of both: a record is in the input topic before the committed
// offset only if its whole tree was acked, or its dead letter was written, or the
// spout was told to drop it.
//
// A topic that is deleted and created again under its name is another one. A Source
// ends what is open of the old one, says so once, and goes on where OutOfRange says, by
// default at the beginning, also if the old position exists in the new topic (with
// brokers before 2.8, only if it does not). If the group reassigns the partitions
// meanwhile, the deletion has taken its commits, and First says where to start. A Sink
// takes a topic that it has seen and that is gone for an outage: its records fail, are
// replayed, and are written when it is there again; the dead-letter topic has none of
// them.
//
// The tasks follow the contracts of packages spout and bolt: the engine calls
// them, Ack and Fail of a Source beside its Run. An embedded Kafka for tests is
// in package kafka/kafkatest. To read or write anything but a [Record], map it in
// a bolt.
package kafka

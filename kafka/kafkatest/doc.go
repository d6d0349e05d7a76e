// Package kafkatest is an embedded Kafka for tests and demonstrations, and the
// few calls that a test makes of a broker: create a topic, produce, read
// everything, ask for offsets.
//
// The broker speaks the real protocol on ports of the loopback interface and
// keeps its data in memory, at about 1.4 times the size of the records. What the kit itself writes and reads goes through
// franz-go, a client that the library does not use, so that a test of the
// library's ends has an independent witness.
//
//	broker := kafkatest.Start(t, "in:5", "out")
//	err := broker.Produce(ctx, "in", kafka.Of([]byte("hello")))
//	spout := kafka.Spout{Brokers: broker.Addrs(), Topics: []string{"in"}, Group: "terran"}
//	... run the topology ...
//	records, err := broker.Read(ctx, "out")
//
// A [Broker] may be used from any goroutine. [Connect] gives the same calls on
// a Kafka that runs elsewhere.
package kafkatest

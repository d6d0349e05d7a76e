// Package realkafka runs Apache Kafka itself, one node of it, for the tests and
// benchmarks that an embedded broker cannot stand in for.
//
// [Start] has Maven fetch Kafka's published artifacts into the user's cache
// directory (os.UserCacheDir, waterspout/kafka-…), once, also when several
// processes ask for it together, and starts a broker in KRaft mode on two free
// ports of the loopback interface. Java 17 or later and Maven must be in PATH;
// without them the error is [ErrMissing].
//
// The invariant: the Java process does not outlive the one that started it,
// however that ends. It ends with a pipe that only the starter holds, not with a
// signal at its parent's death: Linux sends that when a thread ends, and other
// systems know none.
//
//	broker, err := realkafka.Start(ctx, "")
//	if err != nil {
//		return err // one line that says what is missing, or what Kafka said last
//	}
//	defer broker.Close()
//	spout := kafka.Spout{Brokers: broker.Addrs(), Topics: []string{"in"}, Group: "terran"}
//
// A [Broker] belongs to one goroutine at a time; Addrs and Pid may be called from any.
package realkafka

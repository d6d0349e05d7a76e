// Package tweets is the data of the reference job and the judge of what came
// of it: the schema, a generator, and an oracle.
//
// The generator makes any number of tweets from a seed, each unique because the
// user name carries its number. The oracle looks at nothing but what is in
// Kafka: it compares the values of an input and its outputs as multisets of
// hashes, and says how many are missing, doubled or of unknown origin. The
// invariant: a value that was read as bad input is expected at the dead-letter
// topic if there is one, and nowhere else.
//
//	g := tweets.New(seed)
//	err := broker.Fill(ctx, "zerg.hydra", g.Records(0, 1_000_000))
//	... run a job ...
//	check := tweets.Check{In: tweets.Data{Topic: "zerg.hydra"}, Out: tweets.Data{Topic: "zerg.hydra.out"}}
//	verdict, err := check.Run(ctx, broker)
//	fmt.Println(verdict.Missing, verdict.Duplicates)
//
// The broker is a kafkatest.Broker, embedded or connected, so that everything
// here goes through a Kafka client that the library does not use. A Generator
// may be used from any goroutine, what its methods return from one.
package tweets

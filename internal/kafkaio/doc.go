// Package kafkaio is the seam below both Kafka ends: it fetches batches of the
// records of a partition, and sends batches of records and says what became of
// each. It knows nothing of topologies; the Kafka spout and bolt stand on it,
// and so may any other engine.
//
// Reading: a [Member] belongs to a consumer group. Each time the group gives it
// a partition, that is a new [Claim], with the position to start at; the reader
// takes its batches, and commits with [Member.Commit], which reports the
// broker's answer for each partition. Membership, assignment and fencing are
// sarama's ConsumerGroup; fetching uses sarama's protocol level, because only
// there the position passes transaction markers, aborted data and what
// compaction removed, so that commits can reach the end of the log.
//
// The invariant of the reading half: a record is delivered at most once per
// Claim, in the order of its partition, and no batch is delivered after the
// reader let the Claim go. A commit is sent with the member id and generation
// of the session that the Claim came from, so a broker refuses it once the
// partition belongs to somebody else.
//
//	m, err := kafkaio.Connect(ctx, kafkaio.MemberConfig{
//		Brokers: brokers, Topics: topics, Group: "terran", Sarama: conf, Log: log,
//		Claimed: func(c *kafkaio.Claim) { claims <- c },
//		Revoked: func(c *kafkaio.Claim) { finish(c); m.Commit(kafkaio.Point{Claim: c, Offset: done(c)}) },
//	})
//	err = m.Join(ctx)
//	batch, ok := c.Take() // never blocks; m.Ready() tells when to look again
//	refused := m.Commit(kafkaio.Point{Claim: c, Offset: batch.Next})
//
// Writing: a [Writer] takes records with a token each and reports their outcomes,
// many at a time. It stands on sarama's protocol level, too: sarama's AsyncProducer
// passes each record through five channels, which costs five times as much, and
// fails records one by one after an outage. Each partition is a small state
// machine (a queue of batches, one in flight, numbered for idempotence); a link
// per broker sends what its partitions have in one request at a time; one
// goroutine finds leaders and producer ids. Records are encoded when they are taken,
// and compressed as one piece of bytes, by the libraries that sarama uses; sarama is
// handed the result. The invariant of the writing half: each record is in one Result,
// and one that is sent again is neither doubled nor put out of order.
//
//	w, err := kafkaio.NewWriter(ctx, kafkaio.WriterOptions{Brokers: brokers}, func(r kafkaio.Result[int]) { ... })
//	err = w.Write(ctx, &record, token) // collects
//	err = w.Push(ctx)                  // sends what was collected
//	err = w.Close(ctx)
//
// Claimed and Revoked are called on a goroutine of the claim's own; Take belongs
// to one goroutine; all else may be used from any.
package kafkaio

// Package microbatch is the model of Spark Streaming: a stream is cut into small
// batches, and each batch is worked on as a data set of partitions, with tasks in
// parallel. It is here to be compared with a topology on the same Kafka client, so
// it has Spark's words, its promises and its known problems.
//
//	ssc := microbatch.NewStreamingContext(microbatch.Conf{Log: log}, time.Second)
//	stream := microbatch.DirectStream(ssc, microbatch.KafkaParams{Brokers: brokers, Topic: "in", Group: "terran"})
//	tweets := microbatch.Map(stream, func(r microbatch.Record) (t Tweet, err error) { return t, codec.Decode(r.Value, &t) })
//	tweets.ForeachRDD(func(rdd *microbatch.RDD[Tweet]) error { return rdd.ForeachPartition(write) })
//	err := ssc.Start(ctx)
//	err = ssc.AwaitTermination(ctx)
//
// A [StreamingContext] makes a batch every batch interval. Batches queue, and run
// one after the other; when they take longer than the interval, the next begins at
// once. A batch runs its output operations in turn, an output operation has one
// task per partition of its data set, and a task draws its records through Map,
// Filter and FlatMap one by one: nothing is computed before it is asked for, and
// nothing is kept. [Repartition] alone holds a batch in memory. A task that fails is
// run again from the start of its partition, four times in all, so what it has
// written is written again; a batch that fails ends the context with its error.
//
// Records come in one of two ways. [ReceiverStream] and [ReceiverKafkaStream] have
// receivers, which read all the time into memory, block by block, and commit what
// they received; what no batch has processed when the process ends is lost.
// [DirectStream] has no receivers: a batch is a range of offsets of each partition,
// its tasks read it from Kafka, and its offsets are committed when all its output
// operations have ended without an error. The invariant of direct mode: an offset is
// committed after the outputs of all records below it are confirmed, so that no kill
// loses one. Unlike Spark, which fixes the range of a batch when its interval ends, a
// batch takes all that is there when it begins: after a long batch one has the whole
// backlog, and those that queued behind it are nearly empty.
//
// The stream functions and the context's methods but Stop, AwaitTermination, Done and
// Status belong to the goroutine that calls Start, before it does. Functions given
// to Map and its like are called on the goroutines of tasks, several at a time; the
// one given to ForeachRDD is called on the context's own.
package microbatch

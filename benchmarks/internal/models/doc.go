// Package models compares engines that do the reference job (Avro tweets of a
// Kafka topic decoded, encoded and written to another) from outside: it offers a
// load, ends processes, and looks at nothing but the output topic and /proc.
//
// The rules are the same for every [Engine], ours or not. A load is open: it
// follows a schedule that is made beforehand, sent by a process of its own from
// batches that are encoded beforehand, and a latency counts from the moment that a
// record was to be sent to its arrival at a reader of the output, another process.
// An engine is primed first, and measured when its latency is flat. Runs of the
// engines take turns, and so each is repeated. The invariant: a run that broke a
// rule (see [Rules]) is kept with its reasons, is repeated a bounded number of
// times, and never goes into a figure.
//
//	models.Register()                       // before harness.Serve
//	b, err := models.NewBench(ctx, kafka, models.Headline, models.Ours("GOGC=400"))
//	err = b.Measure(ctx)
//	stem, err := b.Results.Write("benchmarks/results")
//	err = b.Results.Document().Write("benchmarks/results", stem)
//
// A Bench belongs to one goroutine, that of the program's benchmark; what it
// starts ends with its runs, and with ctx.
package models

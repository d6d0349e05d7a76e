// Package harness measures contenders fairly: each in a process of its own, in
// turn with the others, several times over, with the CPU that anybody else used
// meanwhile beside each figure.
//
// A child is the same program, started again with a hidden argument. It serves
// calls, one JSON object a line on its standard input and output, until its
// input ends; so it ends with its parent, whatever becomes of that. The
// invariant: CPU seconds are those of the process that did the work, read by
// itself around the work (getrusage), never those of a broker, a load generator
// or the parent.
//
//	harness.Register("count", func(ctx context.Context, s Spec) (harness.Usage, error) { ... })
//	if harness.IsChild() { os.Exit(harness.Serve()) }
//	run, err := harness.Measure(ctx, []string{"GOGC=400"}, "count", spec)
//
// Register before Serve; a Child is used from one goroutine at a time.
package harness

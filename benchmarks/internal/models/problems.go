package models

import "github.com/waterspout/waterspout/benchmarks/internal/report"

// A Problem is one that the article's job had on Spark Streaming, and how each
// engine stands to it. Test shows it on the receivers, or its cure.
type Problem struct {
	What                        string
	Receivers, Direct, Topology string
	Test                        string // of benchmarks/microbatch
}

// Problems are the article's. None is a figure of this run: each row has a test.
var Problems = []Problem{
	{
		"a reader dies", "its partitions fall silent, without a word; a switch starts it again",
		"cured: a batch reads its ranges itself", "it tries again for ever, and the log says so", "TestDeadKafkaReceiver",
	},
	{
		"the process dies with records that it read", "lost: they are committed",
		"cured: offsets are committed behind the output", "read again: offsets are committed behind the acks", "TestReceivedIsLostWithTheDriver",
	},
	{
		"more comes in than is worked off", "memory grows; a rate limit is a switch",
		"a batch is as long as the backlog; its records are drawn one by one", "so many tuples are open at most; the rest waits at the broker", "TestRateLimit",
	},
	{
		"the offset reset is smallest", "each start reads all again, although it is committed",
		"cured: a commit counts before the reset", "not there: First counts where nothing is committed", "TestSmallestStartsOver",
	},
	{
		"a record fails", "all that its task wrote is written again",
		"all that its task wrote is written again", "that record is read again", "TestDirectRunsATaskAgain",
	},
	{
		"more threads than partitions", "the rest is idle",
		"tasks are as many as partitions", "the rest is idle", "TestThreadsShareThePartitions",
	},
}

// problems has a row a problem.
func problems() report.Section {
	t := report.Table{Columns: []string{"when", "receivers", "direct", "topology", "test"}, Words: true}
	for _, p := range Problems {
		t.Rows = append(t.Rows, []string{p.What, p.Receivers, p.Direct, p.Topology, p.Test})
	}
	return report.Section{
		Title: "The article's known problems", Tables: []report.Table{t},
		Text: "An article that moved a Storm topology to Spark Streaming told what went wrong with receivers. `benchmarks/microbatch` has these problems too, each with a test, and direct mode, which Spark's users turned to.",
	}
}

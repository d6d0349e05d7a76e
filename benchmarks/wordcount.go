package main

import (
	"context"
	"fmt"
	"os"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
	"github.com/waterspout/waterspout/benchmarks/internal/wordcount"
)

func init() { harness.Register("wordcount", wordcount.Run) }

// contenders of every benchmark; the last one is the baseline.
var contenders = []string{"acked", "unacked", "handwritten"}

func runWordcount(ctx context.Context, args []string) error {
	o := newOptions("wordcount", 4_000_000, "lines of ten words")
	tasks := o.Int("tasks", 2, "tasks that split, and as many that count")
	costs := o.Bool("costs", true, "also measure what a tuple costs by tasks and open trees, and an idle topology")
	if err := o.parse(args, 400_000); err != nil {
		return err
	}
	var cs []harness.Contender
	for _, name := range contenders {
		cs = append(cs, o.measure(name, "wordcount", wordcount.Spec{
			Contender: name, Lines: o.n, Tasks: *tasks, Profile: o.profileOf(name),
		}))
	}
	results, err := o.interleave(ctx, cs, o.runs)
	if err != nil {
		return err
	}
	fmt.Printf("word count in memory, %d lines of ten words, %d + %d tasks, medians of %d runs, executed tuples\n",
		o.n, *tasks, *tasks, o.runs)
	if err := results.WriteTable(os.Stdout, "tuples"); err != nil {
		return err
	}
	acked, unacked := results.Of("acked").Figures(), results.Of("unacked").Figures()
	fmt.Printf("acked / unacked: rate %.2f, CPU %.2f\n", acked.PerSecond/unacked.PerSecond, acked.CPU/unacked.CPU)
	if *costs {
		if err := o.costs(ctx); err != nil {
			return err
		}
	}
	if o.json {
		return writeJSON(results)
	}
	return nil
}

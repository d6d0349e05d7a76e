package main

import (
	"context"
	"fmt"
	"os"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
	"github.com/waterspout/waterspout/benchmarks/internal/hops"
)

func init() {
	harness.Register("hops", hops.Run)
	harness.Register("idle", hops.Idle)
	harness.Register("ledger", hops.Ledger)
}

func runHops(ctx context.Context, args []string) error {
	o := newOptions("hops", 5_000_000, "records")
	spouts := o.Int("spouts", 5, "tasks of the spout")
	if err := o.parse(args, 500_000); err != nil {
		return err
	}
	var cs []harness.Contender
	for _, tasks := range []int{2, 20} {
		for _, name := range contenders[:2] {
			label := fmt.Sprintf("%s_%d", name, tasks)
			cs = append(cs, o.measure(label, "hops", hops.Spec{
				Records: o.n, Spouts: *spouts, Tasks: tasks, Untracked: name == "unacked", Profile: o.profileOf(label),
			}))
		}
	}
	results, err := o.interleave(ctx, cs, o.runs)
	if err != nil {
		return err
	}
	fmt.Printf("hops and acking alone: spout x%d and three bolts of 2 or 20 tasks, %d records, medians of %d runs\n",
		*spouts, o.n, o.runs)
	if err := results.WriteTable(os.Stdout, "records"); err != nil {
		return err
	}
	if o.json {
		return writeJSON(results)
	}
	return nil
}

package main

import (
	"context"
	"fmt"
	"os"
	"text/tabwriter"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
	"github.com/waterspout/waterspout/benchmarks/internal/hops"
)

// A row is one line of the table of costs.
type row struct {
	label    string
	base     bool // others of the same group are compared with it
	function string
	arg      any
	figure   func(harness.Run) float64
}

func (o *options) rows() []row {
	n := min(o.n/2, 1_000_000)
	perTuple := func(r harness.Run) float64 { return r.PerMillion() * 1e3 / hops.Executed }
	var rows []row
	for i, tasks := range []int{1, 2, 4, 8, 16} {
		rows = append(rows, row{
			fmt.Sprintf("engine, acked, %d tasks a stage", tasks), i == 0, "hops",
			hops.Spec{Records: n, Spouts: 1, Tasks: tasks}, perTuple,
		})
	}
	for i, pending := range []int{1_000, 10_000, 100_000} {
		rows = append(rows, row{
			fmt.Sprintf("engine, acked, %d trees at most, half of them held", pending), i == 0, "hops",
			hops.Spec{Records: n, Spouts: 1, Tasks: 2, Pending: pending, Hold: pending / 2}, perTuple,
		})
	}
	perOp := func(r harness.Run) float64 { return r.PerMillion() * 1e3 / 3 }
	for _, shuffled := range []bool{false, true} {
		for i, pending := range []int{100, 1_000, 10_000, 100_000} {
			order := "in order"
			if shuffled {
				order = "in random order"
			}
			rows = append(rows, row{
				fmt.Sprintf("ledger, %d open, ended %s", pending, order), i == 0, "ledger",
				hops.Book{Pending: pending, Ops: max(10*n, 1_000_000), Shuffled: shuffled}, perOp,
			})
		}
	}
	return rows
}

// costs measures and prints what one operation costs in nanoseconds of CPU time,
// and an idle topology.
func (o *options) costs(ctx context.Context) error {
	rows := o.rows()
	var cs []harness.Contender
	for _, r := range rows {
		cs = append(cs, o.measure(r.label, r.function, r.arg))
	}
	runs := min(o.runs, 3)
	results, err := o.interleave(ctx, cs, runs)
	if err != nil {
		return err
	}
	fmt.Printf("\nCPU time of one executed tuple or one operation, medians of %d runs\n", runs)
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	var base float64
	for i, r := range rows {
		s := results[i].Spread(r.figure)
		if r.base {
			base = s.Median
		}
		fmt.Fprintf(t, "%s\t%.1f ns\t%.1f..%.1f\tx%.2f\t\n", r.label, s.Median, s.Min, s.Max, s.Median/base)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	return o.idle(ctx)
}

func (o *options) idle(ctx context.Context) error {
	seconds := 5.0
	if o.short {
		seconds = 1
	}
	run, err := harness.Measure(ctx, o.env(), "idle", hops.Rest{Tasks: 20, Seconds: seconds})
	if err != nil {
		return err
	}
	fmt.Printf("idle: a running topology of 45 tasks without input uses %.3f %% of a core\n", 100*run.CPU/run.Seconds)
	return nil
}

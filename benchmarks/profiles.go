package main

import (
	"fmt"
	"io"
	"os"
	"text/tabwriter"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
	"github.com/waterspout/waterspout/benchmarks/internal/steps"
)

// writeSteps prints how the CPU time of each contender's last run is divided, by its
// profile.
func writeSteps(w io.Writer, rs harness.Results, path func(contender string) string) error {
	tab := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(tab, "CPU s/M by step\t")
	columns := make([][]steps.Share, len(rs))
	for i, r := range rs {
		fmt.Fprintf(tab, "%s\t", r.Name)
		shares, err := steps.Of(path(r.Name))
		if err != nil {
			return err
		}
		columns[i] = shares
	}
	fmt.Fprintln(tab)
	for k, name := range steps.Names() {
		fmt.Fprintf(tab, "%s\t", name)
		for i, r := range rs {
			fmt.Fprintf(tab, "%.3f\t", columns[i][k].Part*r.Runs[len(r.Runs)-1].PerMillion())
		}
		fmt.Fprintln(tab)
	}
	return tab.Flush()
}

// reportSteps does so on standard output, if profiles were asked for.
func (k *kafkaBench) reportSteps(rs harness.Results) error {
	if k.profile == "" {
		return nil
	}
	return writeSteps(os.Stdout, rs, func(name string) string { return k.path(name, "") })
}

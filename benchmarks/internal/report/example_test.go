package report_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/waterspout/waterspout/benchmarks/internal/report"
)

// The files of a report with a plot and a table.
func ExampleDocument_Write() {
	d := report.Document{
		Title: "Two models, one job",
		Lead:  "A record at a time is *faster to answer*; batches are cheaper.",
		Facts: [][2]string{{"machine", "2 cores"}, {"command", "go run ./benchmarks models"}},
		Sections: []report.Section{{
			Title: "Latency",
			Plots: []report.Plot{{
				Name: "interval", Title: "p99 latency against batch interval",
				Alt: "p99 grows with the batch interval; the topology's stays at 3 ms.",
				X:   report.Axis{Label: "batch interval, ms", Log: true},
				Y:   report.Axis{Label: "p99, ms", Log: true},
				Series: []report.Series{
					{Name: "micro-batch", Points: []report.Point{{X: 50, Y: 70}, {X: 1000, Y: 1100, Low: 1020, High: 1190}}},
					{Name: "topology", Kind: report.Across, Points: []report.Point{{Y: 3}}},
				},
			}},
			Tables: []report.Table{{
				Columns: []string{"engine", "p50, ms", "p99, ms"},
				Rows:    [][]string{{"topology", "1.1", "3"}, {"micro-batch, 1 s", "560", "1,100"}},
			}},
		}},
	}
	dir, err := os.MkdirTemp("", "report")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	if err := d.Write(dir, "models"); err != nil {
		fmt.Println(err)
		return
	}
	markdown, _ := os.ReadFile(filepath.Join(dir, "models.md"))
	fmt.Printf("%s", markdown)
	_, err = os.Stat(filepath.Join(dir, "models-interval.svg"))
	fmt.Println("its plot:", err)
	// Output:
	// # Two models, one job
	//
	// A record at a time is *faster to answer*; batches are cheaper.
	//
	// - **machine**: 2 cores
	// - **command**: go run ./benchmarks models
	//
	// ## Latency
	//
	// ![p99 grows with the batch interval; the topology's stays at 3 ms.](models-interval.svg)
	//
	// | engine | p50, ms | p99, ms |
	// |:---|---:|---:|
	// | topology | 1.1 | 3 |
	// | micro-batch, 1 s | 560 | 1,100 |
	// its plot: <nil>
}

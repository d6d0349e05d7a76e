package report

import "math"

// everyKind is a document with every kind of plot, and figures made up for it.
func everyKind() Document {
	return Document{
		Title: "Two models, one job",
		Lead:  "Half of what each can sustain, for **30 s**.",
		Facts: [][2]string{{"machine", "2 cores | 24 GB"}, {"command", "go run ./benchmarks models -full"}},
		Sections: []Section{
			{
				Title: "Latency", Text: "From the *intended* send time to a reader of the output.",
				Plots: []Plot{loadPlot(), intervalPlot(), distributionPlot()},
				Tables: []Table{{
					Title: "ms", Columns: []string{"", "p50", "p99", "p99.9"},
					Rows: [][]string{{"topology", "1.1", "2.9", "5.9"}, {"micro-batch | direct", "557", "1,051"}},
				}},
				Notes: []string{"The generator was late by 1 ms at p99,\nat most.", "`GOGC` is 400."},
			},
			{
				Title: "A kill, a scale & an end <to> it",
				Plots: []Plot{killPlot(), tasksPlot()},
			},
		},
	}
}

const batches = "micro-batch, direct, 1 s"

// sampled is a series of y at xs with a spread of that part of it.
func sampled(name string, kind Kind, xs []float64, spread float64, y func(x float64) float64) Series {
	s := Series{Name: name, Kind: kind}
	for _, x := range xs {
		s.Points = append(s.Points, Point{X: x, Y: y(x), Low: y(x) / (1 + spread), High: y(x) * (1 + spread)})
	}
	return s
}

func loadPlot() Plot {
	loads := []float64{1e3, 2e3, 5e3, 1e4, 2e4, 5e4, 1e5, 2e5}
	line := func(name string, spread float64, y func(x float64) float64) Series {
		return sampled(name, Line, loads, spread, y)
	}
	return Plot{
		Name: "load", Title: "p99 latency against offered load", Alt: "The topology stays below 10 ms up to 100,000 records/s.",
		X: Axis{Label: "offered load, records/s", Log: true}, Y: Axis{Label: "p99, ms", Log: true},
		Series: []Series{
			line("topology", .2, func(x float64) float64 { return 3 + math.Pow(x/1e5, 6) }),
			line(batches, .1, func(x float64) float64 { return 1100 + x/200 }),
			line("micro-batch, receivers", .1, func(x float64) float64 { return 700 + x/300 }),
			line("Spark, real-time mode", .4, func(x float64) float64 { return 165 * (1 + x/5e4) }),
			line("Storm", .3, func(x float64) float64 { return 9 * (1 + math.Pow(x/3e4, 4)) }),
		},
	}
}

func intervalPlot() Plot {
	return Plot{
		Name: "interval", Title: "p99 latency against batch interval",
		X: Axis{Label: "batch interval, ms", Log: true}, Y: Axis{Label: "p99, ms", Log: true},
		Series: []Series{
			sampled("micro-batch, direct", Line, []float64{50, 100, 200, 500, 1000}, .15, func(x float64) float64 { return 1.1*x + 8 }),
			{Name: "topology", Kind: Across, Points: []Point{{Y: 3.4, Low: 2.9, High: 4.4}}},
		},
	}
}

func distributionPlot() Plot {
	steps := func(name string, median float64) Series {
		s := Series{Name: name, Kind: Steps}
		for i := range 60 {
			q := 100 * (1 - math.Pow(10, -float64(i)/20))
			s.Points = append(s.Points, Point{X: median * (1 + math.Pow(q/50, 3)), Y: q})
		}
		return s
	}
	return Plot{
		Name: "distribution", Title: "How long records take at half load",
		X: Axis{Label: "latency, ms", Log: true}, Y: Axis{Label: "% of the records, at most", Max: 100},
		Series: []Series{steps("topology", 1.2), steps(batches, 500)},
	}
}

func killPlot() Plot {
	var seconds []float64
	for x := -10.; x < 40; x += .5 {
		seconds = append(seconds, x)
	}
	silent := func(until, caughtUp float64) func(float64) float64 {
		return func(x float64) float64 {
			switch {
			case x >= 0 && x < until:
				return 0
			case x >= until && x < caughtUp:
				return 90e3 + 3e3*math.Sin(5*x)
			}
			return 50e3 + 2e3*math.Sin(7*x)
		}
	}
	return Plot{
		Name: "kill", Title: "kill -9 of the engine at half load: what comes out",
		X: Axis{Label: "seconds from the kill"}, Y: Axis{Label: "records/s"},
		Series: []Series{
			sampled("topology", Steps, seconds, .05, silent(1.5, 3)),
			sampled(batches, Steps, seconds, 0, silent(4, 9)),
			sampled("micro-batch, receivers", Steps, seconds, 0, silent(12, 0)),
		},
		Marks: []Mark{{0, "kill -9"}, {1, "started again"}, {30, "load ends"}},
	}
}

func tasksPlot() Plot {
	tasks := []float64{1, 2, 4, 8}
	return Plot{
		Name: "tasks", Title: "CPU seconds as tasks grow",
		X: Axis{Label: "tasks", Log: true}, Y: Axis{Label: "CPU seconds per million records"},
		Series: []Series{
			sampled("topology", Line, tasks, .1, func(x float64) float64 { return 1.6 + x/20 }),
			sampled(batches, Line, tasks, .1, func(x float64) float64 { return 1.2 + x/30 }),
			{Name: "Spark, real-time mode"},
		},
	}
}

// Package report writes a [Document], text with tables and plots, as files that
// are read on a phone and understood without the code: GitHub's Markdown, and an
// SVG file beside it for each plot.
//
// It knows nothing of what was measured. The invariant: the same Document gives
// the same bytes, and what is written is well formed whatever figures are in it:
// NaN, infinities and what a log axis cannot show leave a gap, never a broken file.
//
// A Document is plain data. Whoever measured fills it in and writes it, from any
// one goroutine:
//
//	d := report.Document{Title: "Two models", Facts: [][2]string{{"machine", "2 cores"}}}
//	d.Sections = append(d.Sections, report.Section{Title: "Latency", Plots: []report.Plot{{
//		Name: "latency", Title: "p99 against load", Alt: "The topology stays below 5 ms.",
//		X: report.Axis{Label: "records/s", Log: true}, Y: report.Axis{Label: "ms", Log: true},
//		Series: []report.Series{{Name: "topology", Points: points}}}}})
//	err := d.Write("benchmarks/results", "2026-11-21-models")
package report

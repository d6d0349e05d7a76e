package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
)

// options are the flags that all benchmarks have.
type options struct {
	*flag.FlagSet
	n       int
	runs    int
	short   bool
	json    bool
	quiet   bool
	gogc    int
	profile string
	calm    time.Duration
}

func newOptions(name string, n int, unit string) *options {
	o := &options{FlagSet: flag.NewFlagSet(name, flag.ContinueOnError)}
	o.IntVar(&o.n, "n", n, unit+" per run")
	o.IntVar(&o.runs, "runs", 5, "runs of each contender, in turn")
	o.BoolVar(&o.short, "short", false, "few and short runs, for CI: the ratios are indications")
	o.BoolVar(&o.json, "json", false, "print the medians as the last line, one JSON object keyed by contender")
	o.BoolVar(&o.quiet, "q", false, "no progress on standard error")
	o.IntVar(&o.gogc, "gogc", 400, "GOGC of every contender")
	o.StringVar(&o.profile, "profile", "", "directory to write a CPU profile of each contender to (of its last run)")
	o.DurationVar(&o.calm, "calm", 0, "before each run, wait up to this long until other processes use little CPU time, and repeat disturbed runs")
	return o
}

// interleave runs the contenders as the flags say.
func (o *options) interleave(ctx context.Context, cs []harness.Contender, runs int) (harness.Results, error) {
	return harness.Interleave(ctx, cs, runs, o.calm, o.progress())
}

// parse reads the flags; with -short, short is the number of records.
func (o *options) parse(args []string, short int) error {
	if err := o.Parse(args); err != nil {
		return err
	}
	if o.NArg() > 0 {
		return fmt.Errorf("what is %q?", o.Arg(0))
	}
	if o.short {
		o.n, o.runs = short, 2
	}
	if o.n < 1 || o.runs < 1 {
		return errors.New("-n and -runs must be at least 1")
	}
	if o.profile != "" {
		return os.MkdirAll(o.profile, 0o755)
	}
	return nil
}

func (o *options) env() []string { return []string{fmt.Sprintf("GOGC=%d", o.gogc)} }

// progress is where a line per run goes.
func (o *options) progress() io.Writer {
	if o.quiet {
		return io.Discard
	}
	return os.Stderr
}

// profileOf is the path of a contender's profile, if any is asked for.
func (o *options) profileOf(name string) string {
	if o.profile == "" {
		return ""
	}
	path, err := filepath.Abs(filepath.Join(o.profile, name+".pprof"))
	if err != nil {
		return ""
	}
	return path
}

// measure is a contender that runs a registered function in its own process.
func (o *options) measure(name, function string, arg any) harness.Contender {
	return harness.Contender{Name: name, Do: func(ctx context.Context) (harness.Run, error) {
		return harness.Measure(ctx, o.env(), function, arg)
	}}
}

// writeJSON prints the results' medians as the last line.
func writeJSON(rs harness.Results) error {
	figures := map[string]harness.Figures{}
	for _, r := range rs {
		figures[r.Name] = r.Figures()
	}
	return harness.WriteJSON(os.Stdout, figures)
}

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
	"github.com/waterspout/waterspout/benchmarks/internal/models"
)

func init() { models.Register() }

// A comparison is a run of the benchmarks models and peers.
type comparison struct {
	*flag.FlagSet
	name    string
	args    []string
	full    bool
	short   bool
	only    string
	brokers string
	rate    int
	gogc    int
	dir     string
	quiet   bool
}

func newComparison(name string) *comparison {
	c := &comparison{FlagSet: flag.NewFlagSet(name, flag.ContinueOnError), name: name}
	c.BoolVar(&c.full, "full", false, "measure everything, for an hour or more")
	c.BoolVar(&c.short, "short", false, "a smoke run for CI, of seconds: the figures mean nothing")
	c.StringVar(&c.only, "only", "", "some experiments alone, of "+strings.Join(models.Experiments, ","))
	c.StringVar(&c.brokers, "brokers", "", "host:port,... of a running Kafka; topics named zerg.hydra.* are made and deleted")
	c.IntVar(&c.rate, "rate", 0, "records a second to take for the sustainable rate, instead of searching for it")
	c.IntVar(&c.gogc, "gogc", 400, "GOGC of every Go engine")
	c.StringVar(&c.dir, "dir", "benchmarks/results", "directory of the results: JSON, Markdown and plots")
	c.BoolVar(&c.quiet, "q", false, "no progress on standard error")
	return c
}

func (c *comparison) parse(args []string) error {
	c.args = args
	switch err := c.Parse(args); {
	case err != nil:
		return err
	case c.NArg() > 0:
		return fmt.Errorf("what is %q?", c.Arg(0))
	case c.full && c.short:
		return errors.New("-full or -short, not both")
	case c.rate < 0 || c.gogc < 1:
		return errors.New("-rate and -gogc must not be negative")
	}
	return nil
}

// plan is what the flags ask for.
func (c *comparison) plan() (models.Plan, error) {
	p := models.Headline
	switch {
	case c.full:
		p = models.Full
	case c.short:
		p = models.Smoke
	}
	if c.only == "" {
		return p, nil
	}
	return p.Only(strings.Split(c.only, ","))
}

func (c *comparison) progress() io.Writer {
	if c.quiet {
		return io.Discard
	}
	return os.Stderr
}

func (c *comparison) ours() models.Lineup { return models.Ours(fmt.Sprintf("GOGC=%d", c.gogc)) }

// measure compares the engines of a lineup, and writes what came of it, also of
// what was measured until an error.
func (c *comparison) measure(ctx context.Context, k models.Kafka, p models.Plan, l models.Lineup, programs []models.Program) (err error) {
	b, err := models.NewBench(ctx, k, p, l, c.progress())
	if err != nil {
		return err
	}
	defer func() { err = closed(ctx, err, b.Close()) }()
	b.Rate, b.Results.Name, b.Results.Programs = c.rate, c.name, programs
	b.Results.Command = strings.Join(append([]string{"go run ./benchmarks", c.name}, c.args...), " ")
	measured := b.Measure(ctx)
	if len(b.Results.Runs) == 0 {
		return measured
	}
	b.Results.Partial = measured != nil
	stem, err := b.Results.Write(c.dir)
	if err == nil {
		err = b.Results.Document().Write(c.dir, stem)
	}
	if err == nil {
		fmt.Println("results:", filepath.Join(c.dir, stem+".md"))
	}
	if measured == nil && err == nil && c.name == "models" && !c.short {
		err = b.Results.Fair(models.DirectSecond, models.Loop)
	}
	return errors.Join(measured, err)
}

func runModels(ctx context.Context, args []string) (err error) {
	c := newComparison("models")
	if err := c.parse(args); err != nil {
		return err
	}
	p, err := c.plan()
	if err != nil {
		return err
	}
	k, stop, err := c.embedded(ctx)
	if err != nil {
		return err
	}
	defer func() { err = closed(ctx, err, stop()) }()
	return c.measure(ctx, k, p, c.ours(), programs())
}

// programs are the job as our engines have it.
func programs() []models.Program {
	return models.ReadPrograms(".",
		models.Program{Engine: "topology", Path: "examples/microbatch/job_topology.go"},
		models.Program{Engine: "micro-batch", Path: "examples/microbatch/job_microbatch.go"},
	)
}

// closed adds the error of closing to another, but for one that an interrupt
// explains: it has ended the children already.
func closed(ctx context.Context, err, closing error) error {
	if ctx.Err() != nil && err != nil {
		return err
	}
	return errors.Join(err, closing)
}

// embedded is a Kafka in a child process, or the one that the flags name.
func (c *comparison) embedded(ctx context.Context) (k models.Kafka, stop func() error, err error) {
	if c.brokers != "" {
		return models.Kafka{Addrs: strings.Split(c.brokers, ","), About: "Kafka at " + c.brokers}, func() error { return nil }, nil
	}
	child, err := harness.Spawn(ctx)
	if err != nil {
		return k, nil, err
	}
	addrs, err := harness.Call[[]string](child, "broker", struct{}{})
	if err != nil {
		return k, nil, errors.Join(err, child.Close())
	}
	return models.Kafka{Addrs: addrs, Pid: child.Pid(), About: "an embedded Kafka (kfake, in memory) in a process of its own"}, child.Close, nil
}

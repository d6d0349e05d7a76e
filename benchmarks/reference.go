package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
	"github.com/waterspout/waterspout/benchmarks/internal/reference"
)

func init() {
	harness.Register("drain", reference.Drain)
	harness.Register("start", reference.Start)
	harness.Register("mark", reference.Mark)
	harness.Register("stop", reference.Stop)
	harness.Register("load", reference.Load)
}

// A kafkaBench is a run of the reference benchmark.
type kafkaBench struct {
	*backlog
	contenders string
	latency    bool
	rate       int
	seconds    float64
	idle       float64
}

func newKafkaBench() *kafkaBench {
	k := &kafkaBench{backlog: newBacklog("reference", 3_000_000)}
	k.StringVar(&k.contenders, "contenders", "acked,unacked,franz,protocol,handwritten", "which to run; the last is the baseline")
	k.BoolVar(&k.latency, "latency", false, "measure latency under a steady load as well")
	k.IntVar(&k.rate, "rate", 5000, "records a second of that load")
	k.Float64Var(&k.seconds, "seconds", 10, "seconds of that load that are measured, after three that are not")
	k.Float64Var(&k.idle, "idle", 0, "seconds to measure each contender without input; 0 does not")
	return k
}

func runReference(ctx context.Context, args []string) (err error) {
	k := newKafkaBench()
	if err := k.parse(args, 300_000); err != nil {
		return err
	}
	if k.short {
		k.seconds = min(k.seconds, 3)
	}
	defer func() { err = errors.Join(err, k.close()) }()
	if err := k.open(ctx, strings.Split(k.contenders, ",")...); err != nil {
		return err
	}
	results, err := k.interleave(ctx, k.each(k.profiled), k.runs)
	if err != nil {
		return err
	}
	var steady harness.Results
	if k.latency {
		fmt.Fprintf(k.progress(), "latency at %d records/s\n", k.rate)
		if steady, err = k.interleave(ctx, k.each(k.steady), k.runs); err != nil {
			return err
		}
	}
	if err := k.report(results, steady); err != nil {
		return err
	}
	if err := k.reportSteps(results); err != nil {
		return err
	}
	if k.idle > 0 {
		if err := k.reportIdle(ctx); err != nil {
			return err
		}
	}
	if k.json {
		return k.writeJSON(results, steady)
	}
	return nil
}

// each makes a contender of each name.
func (k *kafkaBench) each(do func(context.Context, reference.Spec) (harness.Run, error)) []harness.Contender {
	var cs []harness.Contender
	for name := range strings.SplitSeq(k.contenders, ",") {
		cs = append(cs, harness.Contender{Name: name, Do: func(ctx context.Context) (harness.Run, error) {
			s, err := k.spec(ctx, name)
			if err != nil {
				return harness.Run{}, err
			}
			return do(ctx, s)
		}})
	}
	return cs
}

// profile is the path for the profile of a contender, of which the name may
// have a slash.
func (k *kafkaBench) path(name, suffix string) string {
	return k.profileOf("reference-" + strings.ReplaceAll(name, "/", "-") + suffix)
}

// profiled is drain with a profile, if one is asked for.
func (k *kafkaBench) profiled(ctx context.Context, s reference.Spec) (harness.Run, error) {
	s.Profile = k.path(s.Contender, "")
	return k.drain(ctx, s)
}

// warm is how long a steady load goes on before it is measured.
const warm = 3 * time.Second

// steady puts a contender under a load that it can bear.
func (k *kafkaBench) steady(ctx context.Context, s reference.Spec) (harness.Run, error) {
	in, err := k.bench.Topic(ctx, "zerg.hydra.live")
	if err != nil {
		return harness.Run{}, err
	}
	s.In, s.Profile = in, k.path(s.Contender, "-steady")
	run, err := k.underLoad(ctx, s)
	if err != nil {
		return run, err
	}
	s.Records = uint64(float64(k.rate) * (k.seconds + warm.Seconds()))
	if err := k.bench.Check(ctx, s); err != nil {
		return run, err
	}
	return run, k.bench.Delete(ctx, s.In, s.Out)
}

func (k *kafkaBench) underLoad(ctx context.Context, s reference.Spec) (run harness.Run, err error) {
	job, err := harness.Spawn(ctx, k.env()...)
	if err != nil {
		return run, err
	}
	defer func() { err = errors.Join(err, job.Close()) }()
	load, err := harness.Spawn(ctx)
	if err != nil {
		return run, err
	}
	defer func() { err = errors.Join(err, load.Close()) }()
	if _, err := harness.Call[struct{}](job, "start", s); err != nil {
		return run, err
	}
	var latency harness.Latency
	loaded := make(chan error, 1)
	go func() {
		var err error
		latency, err = harness.Call[harness.Latency](load, "load", reference.Steady{
			Brokers: s.Brokers, In: s.In, Out: s.Out, Rate: k.rate,
			Seconds: k.seconds + warm.Seconds(), Warm: warm.Seconds(),
		})
		loaded <- err
	}()
	select {
	case <-time.After(warm):
	case err := <-loaded:
		return run, errors.Join(errors.New("the load ended early"), err)
	}
	watch := harness.StartWatch([]*harness.Child{job}, append([]harness.Process{load}, k.kafka...)...)
	if _, err := harness.Call[reference.Progress](job, "mark", s); err != nil {
		return run, err
	}
	if err := <-loaded; err != nil {
		return run, err
	}
	run.Aside, run.Latency = watch.Stop(), &latency
	run.Usage, err = harness.Call[harness.Usage](job, "stop", struct{}{})
	return run, err
}

// reportIdle measures each contender on a topic without records.
func (k *kafkaBench) reportIdle(ctx context.Context) error {
	for _, c := range k.each(k.rest) {
		run, err := c.Do(ctx)
		if err != nil {
			return fmt.Errorf("%s: %w", c.Name, err)
		}
		fmt.Printf("idle: %s uses %.2f %% of a core\n", c.Name, 100*run.CPU/run.Seconds)
	}
	return nil
}

func (k *kafkaBench) rest(ctx context.Context, s reference.Spec) (run harness.Run, err error) {
	if s.In, err = k.bench.Topic(ctx, "zerg.hydra.idle"); err != nil {
		return run, err
	}
	job, err := harness.Spawn(ctx, k.env()...)
	if err != nil {
		return run, err
	}
	defer func() { err = errors.Join(err, job.Close()) }()
	if _, err := harness.Call[struct{}](job, "start", s); err != nil {
		return run, err
	}
	if err := sleep(ctx, warm); err != nil {
		return run, err
	}
	if _, err := harness.Call[reference.Progress](job, "mark", s); err != nil {
		return run, err
	}
	if err := sleep(ctx, time.Duration(k.idle*float64(time.Second))); err != nil {
		return run, err
	}
	run.Usage, err = harness.Call[harness.Usage](job, "stop", struct{}{})
	return run, err
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (k *kafkaBench) report(results, steady harness.Results) error {
	k.headline("reference job")
	if err := results.WriteTable(os.Stdout, "records"); err != nil {
		return err
	}
	fmt.Println(verdict)
	acked, unacked := results.Of("acked"), results.Of("unacked")
	if len(acked.Runs) > 0 && len(unacked.Runs) > 0 {
		a, u := acked.Figures(), unacked.Figures()
		fmt.Printf("acked / unacked: rate %.2f, CPU %.2f\n", a.PerSecond/u.PerSecond, a.CPU/u.CPU)
	}
	if len(steady) == 0 {
		return nil
	}
	fmt.Printf("\nlatency at %d records/s, from the moment a record was to be sent to its arrival at a reader of the output\n", k.rate)
	return steady.WriteLatency(os.Stdout)
}

func (k *kafkaBench) writeJSON(results, steady harness.Results) error {
	figures := map[string]harness.Figures{}
	for _, r := range results {
		f := r.Figures()
		if of := steady.Of(r.Name); len(of.Runs) > 0 {
			f.AddLatency(of)
		}
		figures[r.Name] = f
	}
	return harness.WriteJSON(os.Stdout, figures)
}

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
	"github.com/waterspout/waterspout/benchmarks/internal/workers"
)

func init() { workers.Register() }

// A workersBench is a run of the workers benchmark.
type workersBench struct {
	*backlog
	idle float64

	nats *harness.Child
	url  string
	dir  string // of the server's files
}

func runWorkers(ctx context.Context, args []string) (err error) {
	w := &workersBench{backlog: newBacklog("workers", 2_000_000)}
	w.Float64Var(&w.idle, "idle", 20, "seconds to measure three workers without input; 0 does not")
	if err := w.parse(args, 300_000); err != nil {
		return err
	}
	if w.short {
		w.idle = min(w.idle, 2)
	}
	defer func() { err = errors.Join(err, w.close()) }()
	if err := w.open(ctx); err != nil {
		return err
	}
	results, err := w.interleave(ctx, []harness.Contender{
		w.contender("two_workers", 2, w.url), w.contender("one_process", 1, ""),
	}, w.runs)
	if err != nil {
		return err
	}
	f := figuresOf(results)
	if err := w.report(results, f); err != nil {
		return err
	}
	if w.idle > 0 {
		if f.Idle, err = w.rest(ctx); err != nil {
			return err
		}
	}
	if w.json {
		return harness.WriteJSON(os.Stdout, f)
	}
	return nil
}

// open starts a NATS, too.
func (w *workersBench) open(ctx context.Context) (err error) {
	if w.dir, err = os.MkdirTemp("", "waterspout-benchmarks-"); err != nil {
		return err
	}
	if w.nats, err = harness.Spawn(ctx); err != nil {
		return err
	}
	if w.url, err = harness.Call[string](w.nats, "nats", w.dir); err != nil {
		return err
	}
	return w.backlog.open(ctx, "acked")
}

func (w *workersBench) close() error {
	err := w.backlog.close()
	if w.nats != nil {
		err = errors.Join(err, w.nats.Close())
	}
	if w.dir != "" {
		err = errors.Join(err, os.RemoveAll(w.dir))
	}
	return err
}

// contender is the job in a number of processes.
func (w *workersBench) contender(name string, processes int, nats string) harness.Contender {
	return harness.Contender{Name: name, Do: func(ctx context.Context) (run harness.Run, err error) {
		s, err := w.spec(ctx, "acked")
		if err != nil {
			return run, err
		}
		s.NATS, s.Profile = nats, w.profileOf("workers-"+name)
		if run, err = w.job(s, processes).Drain(ctx); err != nil {
			return run, err
		}
		return run, w.settle(ctx, s)
	}}
}

func (w *workersBench) job(s reference.Spec, processes int) workers.Job {
	return workers.Job{Spec: s, Processes: processes, Env: w.env(), NATS: w.nats, Kafka: w.kafka}
}

// settle checks what came of a run.
func (w *workersBench) settle(ctx context.Context, s reference.Spec) error {
	if err := w.bench.Check(ctx, s); err != nil {
		return err
	}
	return w.bench.Delete(ctx, s.Out)
}

// workersFigures is what -json prints.
type workersFigures struct {
	OneProcess harness.Figures `json:"one_process"`
	TwoWorkers harness.Figures `json:"two_workers"`
	Crossing   float64         `json:"crossing"`       // share of the tuples
	Rate       float64         `json:"rate_ratio"`     // of two workers to one process
	Idle       *restFigures    `json:"idle,omitempty"` // of three workers
}

type restFigures struct {
	Workers []float64 `json:"percent_of_a_core"`
	NATS    float64   `json:"nats_percent_of_a_core"`
}

func figuresOf(rs harness.Results) workersFigures {
	one, two := rs.Of("one_process"), rs.Of("two_workers")
	f := workersFigures{OneProcess: one.Figures(), TwoWorkers: two.Figures(), Crossing: two.Crossing().Median}
	f.OneProcess.AddCluster(one)
	f.TwoWorkers.AddCluster(two)
	f.Rate = f.TwoWorkers.PerSecond / f.OneProcess.PerSecond
	return f
}

func (w *workersBench) report(rs harness.Results, f workersFigures) error {
	w.headline("the job in one process, and in two workers over NATS")
	if err := rs.WriteTable(os.Stdout, "records"); err != nil {
		return err
	}
	crossing := rs.Of("two_workers").Crossing()
	fmt.Printf("two workers / one process: rate %.2f, CPU %.2f; crossed %.3f (%.3f..%.3f) of the tuples\n",
		f.Rate, f.TwoWorkers.CPU/f.OneProcess.CPU, crossing.Median, crossing.Min, crossing.Max)
	fmt.Printf("beside the workers NATS used %.3f CPU s/M; until the first record it took %.2f s, and one process %.2f s\n",
		f.TwoWorkers.NATSCPU, f.TwoWorkers.Start, f.OneProcess.Start)
	fmt.Println(verdict)
	return nil
}

// primer is how many tweets three workers read before they rest.
const primer = 1000

// rest measures three workers that have nothing to read.
func (w *workersBench) rest(ctx context.Context) (*restFigures, error) {
	fmt.Fprintf(w.progress(), "three workers without input for %v s\n", w.idle)
	s, err := w.spec(ctx, "acked")
	if err != nil {
		return nil, err
	}
	if s.In, err = w.bench.Fill(ctx, primer); err != nil {
		return nil, err
	}
	s.NATS, s.Records = w.url, primer
	rest, err := w.job(s, 3).Rest(ctx, time.Duration(w.idle*float64(time.Second)))
	if err != nil {
		return nil, err
	}
	if err := w.settle(ctx, s); err != nil {
		return nil, err
	}
	f := &restFigures{NATS: 100 * rest.NATS}
	var each []string
	for _, share := range rest.Workers {
		f.Workers = append(f.Workers, 100*share)
		each = append(each, fmt.Sprintf("%.2f %%", 100*share))
	}
	fmt.Printf("idle: three workers use %s of a core, NATS %.2f %%\n", strings.Join(each, ", "), f.NATS)
	return f, nil
}

package models

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Measure runs the plan's experiments. What was measured until an error is in
// Results.
func (b *Bench) Measure(ctx context.Context) error {
	defer func() { b.Results.Seconds = time.Since(b.Results.Started).Seconds() }()
	for _, step := range []struct {
		of []string
		do func(context.Context) error
	}{
		{[]string{drain}, b.drains},
		{[]string{sustainable}, b.search},
		{[]string{half}, b.halves},
		{[]string{curve}, b.curves},
		{[]string{interval}, b.intervals},
		{[]string{kill}, b.kills},
		{[]string{poison}, b.poisons},
		{[]string{growTasks, growPending}, b.growth},
		{[]string{growSize, growParts}, b.shapes},
	} {
		if !slices.ContainsFunc(step.of, b.plan.has) {
			continue
		}
		if err := step.do(ctx); err != nil {
			return err
		}
	}
	return nil
}

// onBacklog are trials that drain a backlog, one per engine.
func (b *Bench) onBacklog(experiment string, at float64, engines []Engine, l backlog, s Scale) (trials []trial) {
	for _, e := range engines {
		trials = append(trials, trial{experiment, at, e, func(ctx context.Context, r *Run) error {
			return b.drain(ctx, r, e, l, s)
		}})
	}
	return trials
}

// underLoad are trials of a load, one per engine.
func (b *Bench) underLoad(experiment string, at float64, engines []Engine, o offer) (trials []trial) {
	for _, e := range engines {
		trials = append(trials, trial{experiment, at, e, func(ctx context.Context, r *Run) error {
			return b.load(ctx, r, e, o)
		}})
	}
	return trials
}

func (b *Bench) drains(ctx context.Context) error {
	l, err := b.backlog(ctx, b.plan.Backlog, 0, b.plan.Partitions)
	if err != nil {
		return err
	}
	if err := b.interleave(ctx, b.plan.Repeats, b.onBacklog(drain, 0, b.lineup.Drain, l, Scale{})); err != nil {
		return err
	}
	return b.topics.delete(ctx, l.topic)
}

// search finds the sustainable rate of each engine by bisection, anew in every
// round.
func (b *Bench) search(ctx context.Context) error {
	if b.Rate > 0 || b.plan.Probes == 0 {
		return nil
	}
	for round := range b.plan.Bisections {
		for k := range b.lineup.Sustain {
			e := b.lineup.Sustain[(round+k)%len(b.lineup.Sustain)]
			if err := b.bisect(ctx, round, e); err != nil {
				return err
			}
		}
	}
	return nil
}

// bisect begins between nothing and the rate at which a backlog is drained, when
// neither generator nor reader take part.
func (b *Bench) bisect(ctx context.Context, round int, e Engine) error {
	top := b.Results.figure(drain, e.Name, 0, Run.PerSecond).Median
	if top == 0 {
		top = mostOffered
	}
	s := Bisection{High: top, Steps: b.plan.Probes}
	found := Sustain{Engine: e.Name, Round: round}
	for rate, more := s.Next(); more; rate, more = s.Next() {
		o := offer{rate: max(int(rate), 1), span: b.plan.Probe}
		r, err := b.attempt(ctx, round, b.underLoad(sustainable, rate, []Engine{e}, o)[0])
		if err != nil {
			return err
		}
		if !r.OK() {
			found.Void = true // of a search, every probe must count
			break
		}
		s = s.Observe(r.Sustained)
	}
	found.Rate, found.Above = s.Low, s.High
	b.Results.Sustained = append(b.Results.Sustained, found)
	return nil
}

// mostOffered is where a search begins if nothing was drained before, in records a
// second.
const mostOffered = 1_000_000

// defaultRate is the load of plans that do not search, in records a second.
const defaultRate = 5000

// sustained is the rate that an engine sustains.
func (b *Bench) sustained(ctx context.Context, e Engine) (float64, error) {
	switch {
	case b.Rate > 0:
		return float64(b.Rate), nil
	case b.plan.Probes == 0:
		return 2 * defaultRate, nil
	}
	for round := 0; ; round++ {
		if rate := b.Results.sustained(e.Name).Median; rate > 0 {
			return rate, nil
		}
		if round == b.plan.Tries {
			return 0, fmt.Errorf("models: no sustainable rate was found for %s: all searches were void, or nothing was sustained; "+
				"leave the machine alone, or give -rate", e.Name)
		}
		if err := b.bisect(ctx, round, e); err != nil {
			return 0, err
		}
	}
}

// halfLoad is half of the lowest sustainable rate of the engines that are compared.
func (b *Bench) halfLoad(ctx context.Context) (int, error) {
	if b.Results.Half > 0 {
		return b.Results.Half, nil
	}
	lowest := 0.
	for _, e := range b.lineup.Sustain[:min(b.lineup.Paired, len(b.lineup.Sustain))] {
		rate, err := b.sustained(ctx, e)
		if err != nil {
			return 0, err
		}
		if lowest == 0 || rate < lowest {
			lowest = rate
		}
	}
	if b.Results.Half = int(lowest / 2); b.Results.Half == 0 {
		return 0, errors.New("models: no engines to compare")
	}
	return b.Results.Half, nil
}

// atHalf interleaves trials that are made for the half load.
func (b *Bench) atHalf(ctx context.Context, make func(rate int) []trial) error {
	rate, err := b.halfLoad(ctx)
	if err != nil {
		return err
	}
	return b.interleave(ctx, b.plan.Repeats, make(rate))
}

func (b *Bench) halves(ctx context.Context) error {
	return b.atHalf(ctx, func(rate int) []trial {
		return b.underLoad(half, 0, b.lineup.Half, offer{rate: rate, span: b.plan.Load})
	})
}

func (b *Bench) intervals(ctx context.Context) error {
	return b.atHalf(ctx, func(rate int) (ts []trial) {
		for _, i := range b.lineup.Intervals {
			ts = append(ts, b.underLoad(interval, i.Seconds, []Engine{i.Engine}, offer{rate: rate, span: b.plan.Load})...)
		}
		if e, ok := b.reference(); ok {
			ts = append(ts, b.underLoad(interval, 0, []Engine{e}, offer{rate: rate, span: b.plan.Load})...)
		}
		return ts
	})
}

func (b *Bench) reference() (Engine, bool) {
	for _, e := range b.lineup.Half {
		if e.Name == b.lineup.Reference {
			return e, true
		}
	}
	return Engine{}, false
}

func (b *Bench) curves(ctx context.Context) error {
	var ts []trial
	for _, e := range b.lineup.Curve {
		rate, err := b.sustained(ctx, e)
		if err != nil {
			return err
		}
		for _, f := range b.plan.Fractions {
			ts = append(ts, b.underLoad(curve, f, []Engine{e}, offer{rate: max(int(f*rate), 1), span: b.plan.Load})...)
		}
	}
	return b.interleave(ctx, b.plan.Repeats, ts)
}

func (b *Bench) kills(ctx context.Context) error {
	return b.atHalf(ctx, func(rate int) []trial {
		return b.underLoad(kill, 0, b.lineup.Kill, offer{rate: rate, span: b.plan.Kill, fault: b.plan.Fault})
	})
}

func (b *Bench) poisons(ctx context.Context) error {
	return b.atHalf(ctx, func(rate int) []trial {
		o := offer{rate: rate, span: b.plan.Load, scale: Scale{Poison: b.plan.Poison}}
		ts := b.underLoad(poison, 0, b.lineup.Poison, o)
		if f := b.plan.Dilute; f > 0 {
			o.rate = max(int(f*float64(rate)), 1)
			ts = append(ts, b.underLoad(poison, f, b.lineup.Poison, o)...)
		}
		return ts
	})
}

// growth drains one backlog with more and more tasks and pending trees.
func (b *Bench) growth(ctx context.Context) error {
	l, err := b.backlog(ctx, b.plan.Backlog, 0, b.plan.Partitions)
	if err != nil {
		return err
	}
	var ts []trial
	if b.plan.has(growTasks) {
		for _, n := range b.plan.Tasks {
			ts = append(ts, b.onBacklog(growTasks, float64(n), b.lineup.Grow, l, Scale{Tasks: n})...)
		}
	}
	if e, ok := b.reference(); ok && b.plan.has(growPending) {
		for _, n := range b.plan.Pending {
			ts = append(ts, b.onBacklog(growPending, float64(n), []Engine{e}, l, Scale{Pending: n})...)
		}
	}
	if err := b.interleave(ctx, b.plan.Repeats, ts); err != nil {
		return err
	}
	return b.topics.delete(ctx, l.topic)
}

// shapes drains backlogs of other sizes of records and numbers of partitions.
func (b *Bench) shapes(ctx context.Context) error {
	var ts []trial
	var made []string
	add := func(experiment string, at, records, size, partitions int) error {
		l, err := b.backlog(ctx, records, size, partitions)
		made = append(made, l.topic)
		ts = append(ts, b.onBacklog(experiment, float64(at), b.lineup.Grow, l, Scale{})...)
		return err
	}
	if b.plan.has(growSize) {
		for _, size := range b.plan.Sizes {
			if err := add(growSize, size, min(b.plan.Bytes/size, b.plan.Backlog), size, b.plan.Partitions); err != nil {
				return err
			}
		}
	}
	if b.plan.has(growParts) {
		for _, n := range b.plan.Parts {
			if err := add(growParts, n, b.plan.Backlog, 0, n); err != nil {
				return err
			}
		}
	}
	if err := b.interleave(ctx, b.plan.Repeats, ts); err != nil {
		return err
	}
	return b.topics.delete(ctx, made...)
}

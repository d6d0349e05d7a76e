package models

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
	"github.com/waterspout/waterspout/benchmarks/internal/reference"
)

// An offer is a load for any engine.
type offer struct {
	rate  int
	span  Span
	scale Scale
	fault float64 // when the process is killed and started again; 0 for never
}

// Seconds of waiting for what may never come: after a load, and after a kill, when
// the group may have to wait for the session of the dead to end.
const (
	patienceLoad  = 8
	patienceFault = 75
)

// load offers a load to an engine and measures what comes of it.
func (b *Bench) load(ctx context.Context, r *Run, e Engine, o offer) (err error) {
	in, err := b.topics.create(ctx, "in", b.plan.Partitions)
	if err != nil {
		return err
	}
	j, err := b.job(ctx, in, b.plan.Partitions, o.scale)
	if err != nil {
		return err
	}
	defer func() { err = cmp.Or(err, b.topics.delete(context.WithoutCancel(ctx), in, j.Out)) }()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l := &loading{Bench: b, engine: e, offer: o, job: j, run: r}
	l.schedule = reference.Schedule{Rate: o.rate, Records: int(o.span.Seconds * float64(o.rate))}
	r.Rate, r.Seconds, r.Records, r.Scale = o.rate, o.span.Seconds, l.schedule.Records, o.scale
	if err = l.measure(ctx); err != nil {
		cancel() // ends what it left
	}
	l.calls.Wait()
	return errors.Join(err, l.close(err == nil))
}

// A loading is a load that goes on.
type loading struct {
	*Bench
	engine Engine
	offer
	job      Job
	run      *Run
	schedule reference.Schedule

	generator, reader *harness.Child
	process           Process
	calls             sync.WaitGroup
	sent              result[reference.Sent]
	reading           result[reference.Reading]
	before            int // attempts
}

// A result is what a call of a child came to.
type result[T any] struct {
	value T
	err   error
}

func (l *loading) measure(ctx context.Context) error {
	if err := l.prepare(ctx); err != nil {
		return err
	}
	if n, ok := l.process.Attempts(); ok {
		l.before = int(n)
	}
	l.begin(ctx)
	if err := l.until(ctx, l.span.From); err != nil {
		return err
	}
	m := l.meter(l.process, map[role]int{generator: l.generator.Pid(), reader: l.reader.Pid()})
	from, err := l.topics.end(ctx, l.job.Out)
	if err != nil {
		return err
	}
	if l.fault > 0 {
		if err := l.kill(ctx, m); err != nil {
			return err
		}
	}
	if err := l.until(ctx, l.span.Seconds); err != nil {
		return err
	}
	to, err := l.topics.end(ctx, l.job.Out)
	if err != nil {
		return err
	}
	l.run.CPU, l.run.Counted, l.run.Peak = m.stop(), max(to-from, 1), harness.ProcessPeak(l.process.Pid())
	l.calls.Wait()
	if err := errors.Join(l.sent.err, l.reading.err); err != nil {
		return err
	}
	l.conclude()
	err = l.process.Stop()
	l.process = nil
	return err
}

// prepare starts all processes and passes a few records through the engine, while
// the generator encodes the load.
func (l *loading) prepare(ctx context.Context) (err error) {
	if l.generator, err = harness.Spawn(ctx); err != nil {
		return err
	}
	if l.reader, err = harness.Spawn(ctx); err != nil {
		return err
	}
	var prepared error
	l.calls.Go(func() {
		_, prepared = harness.Call[struct{}](l.generator, "models/prepare", reference.Offer{
			Brokers: l.job.Brokers, In: l.job.In, Schedule: l.schedule,
		})
	})
	begin := time.Now()
	if l.process, err = l.engine.Start(ctx, l.job); err != nil {
		return err
	}
	prime := cmp.Or(l.engine.Prime, 1000)
	if err := l.topics.fill(ctx, l.job.In, l.schedule.Records, l.schedule.Records+prime, 0); err != nil {
		return err
	}
	if _, err := l.await(ctx, l.job.Out, prime); err != nil {
		return err
	}
	l.run.Start = time.Since(begin).Seconds()
	l.calls.Wait()
	return prepared
}

// begin sets generator and reader going.
func (l *loading) begin(ctx context.Context) {
	prefer(l.generator.Pid())
	prefer(l.reader.Pid())
	l.schedule.Begin = time.Now().Add(300 * time.Millisecond)
	watch := reference.Watch{
		Brokers: l.job.Brokers, Out: l.job.Out, Schedule: l.schedule, From: l.span.From, Until: l.span.Until,
		Patience: patienceLoad, Fault: l.fault, Outage: patienceFault,
	}
	l.calls.Go(func() {
		l.reading.value, l.reading.err = harness.Call[reference.Reading](l.reader, "models/read", watch)
	})
	l.calls.Go(func() {
		l.sent.value, l.sent.err = harness.Call[reference.Sent](l.generator, "models/generate", l.schedule.Begin)
	})
}

// until waits for a time of the load, in seconds.
func (l *loading) until(ctx context.Context, at float64) error {
	select {
	case <-time.After(time.Until(l.schedule.Begin) + time.Duration(at*float64(time.Second))):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (l *loading) since() float64 { return time.Since(l.schedule.Begin).Seconds() }

// kill ends the engine's process and starts another at once.
func (l *loading) kill(ctx context.Context, m *meter) error {
	if err := l.until(ctx, l.fault); err != nil {
		return err
	}
	m.leave(engine)
	l.run.Fault = &Fault{Killed: l.since()}
	err := l.process.Kill()
	l.process = nil
	if err != nil {
		return fmt.Errorf("models: kill: %w", err)
	}
	if l.process, err = l.engine.Start(ctx, l.job); err != nil {
		return fmt.Errorf("models: restart: %w", err)
	}
	m.join(engine, l.process.Pid())
	l.run.Fault.Restarted = l.since()
	return nil
}

func (l *loading) conclude() {
	r, reading := l.run, &l.reading.value
	r.Load, r.Late = reading, l.sent.value.Late
	r.Lost, r.Doubled = r.Records-reading.Unique, reading.Doubled
	if n, ok := l.process.Attempts(); ok && l.fault == 0 {
		r.Attempts = int(n) - l.before
	}
	from, to := int(reading.Since), int(l.span.Seconds)
	if f := r.Fault; f != nil {
		f.Silence, f.Calm = reading.Silence, reading.Calm
		f.CatchUp = CatchUp(Lags(l.schedule, reading.First, f.Killed, r.Lost), l.span.From, f.Killed)
		return
	}
	lags := perSecond(Lags(l.schedule, reading.First, 0, 0), reference.Slot, from, to)
	var p50s []float64
	for _, w := range reading.Windows[min(from, len(reading.Windows)):] {
		p50s = append(p50s, w.P50)
	}
	r.Sustained = Sustained(l.rate, lags, p50s)
}

// close ends the processes: those that are left of a failure by force.
func (l *loading) close(ok bool) error {
	var errs []error
	if l.process != nil {
		errs = append(errs, l.process.Kill())
	}
	for _, c := range []*harness.Child{l.generator, l.reader} {
		if c != nil {
			errs = append(errs, c.Close())
		}
	}
	if !ok {
		return nil // what failed first is the news
	}
	return errors.Join(errs...)
}

package workers

import (
	"fmt"
	"time"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
	"github.com/waterspout/waterspout/benchmarks/internal/reference"
)

// A measurement is under way from mark to the crew's stop.
type measurement struct {
	from  reference.Progress
	begin time.Time
	watch *harness.Watch
}

func (c *crew) mark() (measurement, error) {
	helpers := append([]harness.Process{c.job.NATS}, c.job.Kafka...)
	m := measurement{begin: time.Now(), watch: harness.StartWatch(c.hands, helpers...)}
	var err error
	m.from, err = sum(call[reference.Progress](c, "worker.mark", func(worker int) any {
		s := c.job.Spec
		if s.Profile != "" && len(c.hands) > 1 {
			s.Profile = fmt.Sprintf("%s.%d", s.Profile, worker+1)
		}
		return s
	}))
	return m, err
}

// run is what the crew did until now, but for what the workers know of themselves.
func (m measurement) run(to reference.Progress) harness.Run {
	var run harness.Run
	run.Seconds, run.Aside = time.Since(m.begin).Seconds(), m.watch.Stop()
	run.Count = to.Written - m.from.Written
	nats := run.Each[0]
	run.Helpers -= nats
	run.Cluster = &harness.Cluster{NATS: nats}
	if executed := to.Executed - m.from.Executed; executed > 0 {
		run.Cluster.Crossing = float64(to.Abroad-m.from.Abroad) / float64(executed)
	}
	return run
}

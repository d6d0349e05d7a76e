package kafkaio

import "github.com/rcrowley/go-metrics"

// unmeasured is where sarama registers its metrics when nobody asked for them: a dozen
// updates for every request, under locks, that no one could read. It gives out
// metrics that count nothing.
type unmeasured struct{ metrics.Registry }

// GetOrRegister implements metrics.Registry. metric is a constructor.
func (u unmeasured) GetOrRegister(name string, metric any) any {
	switch metric.(type) {
	case func() metrics.Counter:
		return metrics.NilCounter{}
	case func() metrics.Histogram:
		return metrics.NilHistogram{}
	case func() metrics.Meter:
		return metrics.NilMeter{}
	}
	return u.Registry.GetOrRegister(name, metric)
}

package harness

import "context"

// Measure runs name in a fresh child, with what it used and what was used beside
// it. helpers are the processes that serve it.
func Measure(ctx context.Context, env []string, name string, arg any, helpers ...Process) (Run, error) {
	child, err := Spawn(ctx, env...)
	if err != nil {
		return Run{}, err
	}
	watch := StartWatch([]*Child{child}, helpers...)
	usage, err := Call[Usage](child, name, arg)
	aside := watch.Stop()
	if closed := child.Close(); err == nil {
		err = closed
	}
	return Run{Usage: usage, Aside: aside}, err
}

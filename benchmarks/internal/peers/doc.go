// Package peers has other people's engines do the reference job: real Apache Storm
// and real Apache Spark, each in a Java virtual machine of its own.
//
// Their programs are in benchmarks/peers, whose README.md says how each was tuned,
// what it guarantees and what is known to differ. They are built with Maven into the
// user's cache, once for each state of their sources; nothing is written into the
// repository. The invariant: no virtual machine outlives the process that started
// it. It reads its standard input, and ends when that does.
//
//	engines, err := peers.Engines(ctx, dir) // builds; the first time, it downloads
//	p, err := engines[0].Start(ctx, models.Job{Brokers: addrs, In: "a", Out: "b", Group: "terran"})
//	... watch its output, and /proc by p.Pid() ...
//	err = p.Stop()
//	err = os.RemoveAll(dir) // logs and checkpoints
//
// Engines may be called from any goroutine, and so may Start; a Process belongs to
// one. The benchmarks call all of it from the parent's main goroutine.
package peers

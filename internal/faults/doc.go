// Package faults proves what the workers promise under faults: real processes, a
// real NATS in a process of its own, an embedded Kafka, and between each worker and
// NATS a proxy that knows frames and can lose, double, delay, break or hold them.
// What came of it is judged by the oracle of internal/tweets, from the data in Kafka
// alone.
//
// The invariant of a [Lab]: whatever happens in a test, nothing that it started
// outlives it. Workers and NATS are the test's own binary, started again: a TestMain
// calls [Main] first. Children end with the test's process, since their standard
// input does.
//
//	func TestMain(m *testing.M) { faults.Main(); os.Exit(m.Run()) }
//
//	lab := faults.NewLab(t, faults.Job{Spouts: 2}, false)
//	lab.Start(3)
//	lab.Pour(1000)
//	lab.Flow(1000)
//	fault := time.Now()
//	lab.WithoutSpouts().Kill()
//	lab.Settle()
//	seen := lab.Judge(fault) // fails the test if something is missing
//
// A Lab's methods are called from the test's goroutine, a Proxy's from any. The
// tests that take minutes have the build tag faults; docs/faults.md holds what was
// seen, and the command for each row.
package faults

package models

import "context"

// An Engine is one way to do the reference job, in a process of its own.
type Engine struct {
	Name string // as the report shows it: "topology", "micro-batch, direct, 1 s"

	// Lossy engines may lose records when their process is killed: how many is a
	// figure then, and no reason to void the run.
	Lossy bool

	// Aside is another setting of an engine that takes part in everything: it takes
	// part in the half load alone.
	Aside bool

	// Prime is how many records it must have passed on before a measurement
	// begins, so that it runs, has joined its group and has compiled what it
	// compiles; zero is 1,000.
	Prime int

	// Start starts it on a job and returns when its process runs; it may still
	// have to join its group. The process ends with ctx at the latest.
	Start func(ctx context.Context, j Job) (Process, error)
}

// A Job is what an engine is given. Its topics exist.
type Job struct {
	Brokers []string
	In, Out string
	Group   string // the same after a restart, so that it goes on where it was
	Scale   Scale
}

// A Scale is what the cost of a job may grow with. Zero fields are the engine's own.
type Scale struct {
	Tasks   int    `json:",omitempty"` // that decode, and that encode
	Pending int    `json:",omitempty"` // open trees per spout task; engines that track none ignore it
	Poison  uint64 `json:",omitempty"` // of every so many records one fails the first time it is decoded
}

// A Process is an engine that runs. Everything that is measured of it is seen from
// outside: its output in Kafka, its CPU time and memory in /proc.
type Process interface {
	Pid() int
	// Attempts is how many records were decoded so far, those again that were
	// replayed; false if this engine does not tell.
	Attempts() (uint64, bool)
	// Stop has it finish what it has begun and commit, and waits for its end.
	Stop() error
	// Kill ends it with SIGKILL and waits for its end.
	Kill() error
}

package models

import (
	"maps"
	"os"
	"runtime"
	"time"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
)

// CPU is the CPU time of a measured part: seconds of each process, and the share
// of the machine that processes used which are none of ours.
type CPU struct {
	Seconds                           float64 // on the wall
	Engine, Broker, Generator, Reader float64
	Foreign                           float64
}

// A role is what a process is there for.
type role int

const (
	engine role = iota
	broker
	generator
	reader
	parent
	roles
)

// A meter measures the CPU time of processes, from outside.
type meter struct {
	start time.Time
	busy  float64
	pids  map[role]int
	from  [roles]float64
	past  [roles]float64 // of processes that have ended meanwhile
}

func startMeter(pids map[role]int) *meter {
	m := &meter{start: time.Now(), busy: harness.BusySeconds(), pids: maps.Clone(pids)}
	m.pids[parent] = os.Getpid()
	for r, pid := range m.pids {
		m.from[r] = harness.ProcessSeconds(pid)
	}
	return m
}

// leave notes that the process of a role is about to end.
func (m *meter) leave(r role) {
	m.past[r] += harness.ProcessSeconds(m.pids[r]) - m.from[r]
	delete(m.pids, r)
}

// join adds a process that has just begun.
func (m *meter) join(r role, pid int) { m.pids[r], m.from[r] = pid, 0 }

// stop is what was used since the start. The processes must still run.
func (m *meter) stop() CPU {
	busy := harness.BusySeconds() - m.busy
	wall := time.Since(m.start).Seconds()
	used := m.past
	for r, pid := range m.pids {
		used[r] += max(harness.ProcessSeconds(pid)-m.from[r], 0)
	}
	var ours float64
	for _, s := range used {
		ours += s
	}
	return CPU{
		Seconds: wall, Engine: used[engine], Broker: used[broker], Generator: used[generator], Reader: used[reader],
		Foreign: max(busy-ours, 0) / (wall * float64(runtime.NumCPU())),
	}
}

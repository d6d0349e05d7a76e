package models

import (
	"maps"
	"os"
	"runtime"
	"slices"
	"time"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
)

// CPU is the CPU time of a measured part: seconds of each process, and the shares
// of the machine's that were not to be had.
type CPU struct {
	Seconds                           float64 // on the wall
	Engine, Broker, Generator, Reader float64
	Foreign                           float64 // used by processes that are none of ours
	Stolen                            float64 // by the host of a virtual machine, for others
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
	start  time.Time
	others float64
	stolen float64
	pids   map[role]int
	from   [roles]float64
	past   [roles]float64 // of processes that have ended meanwhile
}

func startMeter(pids map[role]int) *meter {
	m := &meter{start: time.Now(), stolen: harness.StolenSeconds(), pids: maps.Clone(pids)}
	m.pids[parent] = os.Getpid()
	m.others = m.foreign()
	for r, pid := range m.pids {
		m.from[r] = harness.ProcessSeconds(pid)
	}
	return m
}

// foreign is the CPU time of all other processes until now.
func (m *meter) foreign() float64 {
	return harness.OtherSeconds(slices.Collect(maps.Values(m.pids))...)
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
	others, stolen := m.foreign()-m.others, harness.StolenSeconds()-m.stolen
	wall := time.Since(m.start).Seconds()
	used := m.past
	for r, pid := range m.pids {
		used[r] += max(harness.ProcessSeconds(pid)-m.from[r], 0)
	}
	machine := wall * float64(runtime.NumCPU())
	return CPU{
		Seconds: wall, Engine: used[engine], Broker: used[broker], Generator: used[generator], Reader: used[reader],
		Foreign: max(others, 0) / machine, Stolen: max(stolen, 0) / machine,
	}
}

package harness

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// tick is how many times a second Linux counts CPU time in /proc.
const tick = 100

// A Watch tells how much CPU time was used beside a contender.
type Watch struct {
	start   time.Time
	busy    float64   // of the machine
	ours    float64   // of us, the contender and the helpers
	helpers []float64 // of each helper
	pids    []int
	all     []int
}

// An Aside is the CPU time that was used beside a contender. All is zero where
// there is no /proc.
type Aside struct {
	Helpers float64   // CPU seconds of brokers and generators
	Each    []float64 // of each of them, in the order of StartWatch
	Foreign float64   // cores that other processes had in use, on average
}

// A Process is one that serves a contender: a [Child], or one of another program.
type Process interface{ Pid() int }

// StartWatch begins to look. helpers are processes that serve the contender, which
// may be several.
func StartWatch(contender []*Child, helpers ...Process) *Watch {
	w := &Watch{start: time.Now(), all: []int{os.Getpid()}}
	for _, c := range contender {
		w.all = append(w.all, c.Pid())
	}
	for _, h := range helpers {
		w.pids = append(w.pids, h.Pid())
	}
	w.all = append(w.all, w.pids...)
	w.busy, w.ours = busySeconds(), sum(processSeconds(w.all))
	w.helpers = processSeconds(w.pids)
	return w
}

// Stop is what was used since the start. The contender must still run.
func (w *Watch) Stop() Aside {
	busy := busySeconds() - w.busy
	ours := sum(processSeconds(w.all)) - w.ours
	each := processSeconds(w.pids)
	for i := range each {
		each[i] -= w.helpers[i]
	}
	foreign := max(busy-ours, 0) / time.Since(w.start).Seconds()
	return Aside{Helpers: sum(each), Each: each, Foreign: foreign}
}

// calm is how many cores others may use on a calm machine.
const calm = 0.15

// awaitCalm returns when the machine was calm for half a second, or when patience
// or ctx have run out.
func awaitCalm(ctx context.Context, patience time.Duration) {
	const look = 500 * time.Millisecond
	for begin := time.Now(); time.Since(begin) < patience && ctx.Err() == nil; {
		before, start := busySeconds(), time.Now()
		time.Sleep(look)
		if (busySeconds()-before)/time.Since(start).Seconds() < calm {
			return
		}
	}
}

func sum(xs []float64) (total float64) {
	for _, x := range xs {
		total += x
	}
	return total
}

// busySeconds is the CPU time that all processes ever used: without idle, iowait
// and steal.
func busySeconds() float64 { return ticksOf(1, 2, 3, 6, 7) } // user nice system irq softirq

func ticksOf(fields ...int) float64 {
	b, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0
	}
	line, _, _ := bytes.Cut(b, []byte("\n"))
	return parseStat(string(line), fields...)
}

// parseStat adds up fields of the first line of /proc/stat, in seconds.
func parseStat(line string, fields ...int) float64 {
	all := strings.Fields(line)
	var ticks float64
	for _, i := range fields {
		if i < len(all) {
			n, _ := strconv.ParseFloat(all[i], 64) // zero where it is no number
			ticks += n
		}
	}
	return ticks / tick
}

func processSeconds(pids []int) []float64 {
	out := make([]float64, len(pids))
	for i, pid := range pids {
		if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil {
			out[i] = parseProcess(string(b), 2)
		}
	}
	return out
}

// parseProcess adds up the first so many of four times in a /proc/PID/stat, in
// seconds: user, system, and those of children that were waited for. The name
// before them is in parentheses and may hold anything.
func parseProcess(stat string, times int) (total float64) {
	const first = 11
	_, rest, _ := strings.Cut(stat[strings.LastIndexByte(stat, ')')+1:], " ")
	fields := strings.Fields(rest)
	if len(fields) < first+times {
		return 0
	}
	for _, f := range fields[first : first+times] {
		n, _ := strconv.ParseFloat(f, 64)
		total += n
	}
	return total / tick
}

// OtherSeconds is the CPU time that all processes but some have ever used, with
// their children that have ended; zero where there is no /proc. It comes from the
// clocks of the processes: the machine's own sums are sampled by the tick of many
// systems, and programs that wake up by the clock slip through.
func OtherSeconds(but ...int) (total float64) {
	dirs, err := os.ReadDir("/proc")
	if err != nil {
		return 0
	}
	for _, d := range dirs {
		pid, err := strconv.Atoi(d.Name())
		if err != nil || slices.Contains(but, pid) {
			continue
		}
		if b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil {
			total += parseProcess(string(b), 4)
		}
	}
	return total
}

// StolenSeconds is the CPU time that processes of a virtual machine ever waited
// for because its host had given it to others; zero where there is no /proc.
func StolenSeconds() float64 { return ticksOf(8) }

// ProcessSeconds is the CPU time that a process used, user and system; zero if it
// is gone.
func ProcessSeconds(pid int) float64 { return processSeconds([]int{pid})[0] }

// ProcessPeak is the most memory that a process ever had, in bytes; zero if it is
// gone.
func ProcessPeak(pid int) int64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	return parsePeak(string(b))
}

// parsePeak is VmHWM of a /proc/PID/status.
func parsePeak(status string) int64 {
	for line := range strings.Lines(status) {
		if kb, ok := strings.CutPrefix(line, "VmHWM:"); ok {
			n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(kb), " kB"), 10, 64) // zero if it is no number
			return n << 10
		}
	}
	return 0
}

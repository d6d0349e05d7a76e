package harness

import (
	"fmt"
	"os"
	"runtime/pprof"
	"syscall"
	"time"
)

// A Usage is what a piece of work took, as its process saw it.
type Usage struct {
	Count     uint64  // records or tuples
	Seconds   float64 // on the wall
	CPU       float64 // user and system seconds of the process
	PeakBytes int64   // most memory the process ever had
}

// A Meter measures work of this process.
type Meter struct {
	start   time.Time
	cpu     float64
	profile *os.File
}

// StartMeter begins to measure; with a path it also writes a CPU profile there.
func StartMeter(profile string) (*Meter, error) {
	m := &Meter{}
	if profile != "" {
		f, err := os.Create(profile)
		if err != nil {
			return nil, err
		}
		if err := pprof.StartCPUProfile(f); err != nil {
			return nil, fmt.Errorf("profile: %w", err)
		}
		m.profile = f
	}
	m.start, m.cpu = time.Now(), cpuSeconds(rusage())
	return m, nil
}

// Stop is what was used since the start for count records.
func (m *Meter) Stop(count uint64) (Usage, error) {
	r := rusage()
	u := Usage{
		Count: count, Seconds: time.Since(m.start).Seconds(),
		CPU: cpuSeconds(r) - m.cpu, PeakBytes: r.Maxrss << 10,
	}
	if m.profile == nil {
		return u, nil
	}
	pprof.StopCPUProfile()
	return u, m.profile.Close()
}

func rusage() syscall.Rusage {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		panic(err) // only a wrong argument can fail
	}
	return r
}

func cpuSeconds(r syscall.Rusage) float64 {
	return float64(r.Utime.Sec+r.Stime.Sec) + float64(r.Utime.Usec+r.Stime.Usec)/1e6
}

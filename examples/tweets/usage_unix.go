//go:build unix

package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// cpuTime is what this process has used so far.
func cpuTime() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// peakMemory is the most that was resident so far, in bytes.
func peakMemory() (bytes uint64, known bool) {
	// A process inherits the peak that getrusage tells from its parent.
	if status, err := os.ReadFile("/proc/self/status"); err == nil {
		if _, after, found := strings.Cut(string(status), "VmHWM:"); found {
			_, err = fmt.Sscan(after, &bytes)
			return bytes << 10, err == nil
		}
	}
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0, false
	}
	if bytes = uint64(u.Maxrss); runtime.GOOS != "darwin" {
		bytes <<= 10
	}
	return bytes, true
}

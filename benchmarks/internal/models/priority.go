package models

import (
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// prefer lets a process go before others, as far as the system allows it: what
// measures must not wait for what is measured. A priority belongs to a thread, and
// new threads take that of the one that starts them.
func prefer(pid int) {
	const nice = -15
	threads, err := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	if err != nil {
		return
	}
	for _, t := range threads {
		if id, err := strconv.Atoi(t.Name()); err == nil {
			_ = syscall.Setpriority(syscall.PRIO_PROCESS, id, nice) // without leave, it stays as it was
		}
	}
}

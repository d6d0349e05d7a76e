package peers

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// awaitTrue looks again and again.
func awaitTrue(ctx context.Context, t *testing.T, look func() bool) {
	t.Helper()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for !look() {
		select {
		case <-again.C:
		case <-ctx.Done():
			t.Fatalf("in vain: %v", context.Cause(ctx))
		}
	}
}

// alive reports whether a process runs: one that nobody has waited for does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}

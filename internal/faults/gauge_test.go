//go:build unix

package faults

import (
	"testing"
	"time"
)

// TestGauge: ten records every 100 ms, but for three seconds of silence and the flood
// after them.
func TestGauge(t *testing.T) {
	start := time.Now()
	var g gauge
	at := func(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }
	for ms := 0; ms <= 20_000; ms += 100 {
		switch {
		case ms == 8000:
			g.came = append(g.came, arrival{at(ms), 310})
		case ms < 5000 || ms > 8000:
			g.came = append(g.came, arrival{at(ms), 10})
		}
	}
	if gap, end := g.silence(at(4000), at(20_000)); gap != 3100*time.Millisecond || !end.Equal(at(8000)) {
		t.Errorf("a silence of %v until %v", gap, end.Sub(start))
	}
	if gap, _ := g.silence(at(10_000), at(20_000)); gap != 100*time.Millisecond {
		t.Errorf("a silence of %v where there is none", gap)
	}
	if gap, end := g.silence(at(19_000), at(25_000)); gap != 5*time.Second || !end.Equal(at(25_000)) {
		t.Errorf("a silence of %v until %v at the end", gap, end.Sub(start))
	}
	if back := g.back(at(4000), at(20_000), 100); back != 2*time.Second { // the flood is in the two seconds then
		t.Errorf("back after %v", back)
	}
	if back := g.back(at(10_000), at(20_000), 100); back != 0 {
		t.Errorf("back after %v, and it was never away", back)
	}
	if back := g.back(at(10_000), at(20_000), 200); back != 10*time.Second {
		t.Errorf("back after %v at twice the rate", back)
	}
	if got := g.series(at(4000), at(9000)); len(got) != 6 || got[0] != 90 || got[2] != 0 {
		t.Errorf("in each second: %v", got)
	}
}

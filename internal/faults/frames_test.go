//go:build unix

package faults_test

import (
	"testing"
	"time"

	"github.com/waterspout/waterspout/internal/faults"
	"github.com/waterspout/waterspout/internal/frame"
)

// suffering runs the job for a while with rules on the frames that workers send, and
// judges.
func suffering(t *testing.T, j faults.Job, during time.Duration, rules ...faults.Rule) (*faults.Lab, faults.Seen) {
	t.Helper()
	l := flowing(t, j, true)
	fault := time.Now()
	for _, w := range l.Workers {
		w.Proxy.Rules(rules...)
	}
	l.Pass(during)
	l.Honest()
	l.Stop()
	for _, w := range l.Workers {
		w.Proxy.Rules()
	}
	l.Told()
	seen := l.Judge(fault)
	l.Told()
	for _, r := range rules {
		suffered := 0
		for _, w := range l.Workers {
			suffered += w.Proxy.Counts().Suffered[r.Action]
		}
		t.Logf("%v: %d frames", r, suffered)
		if suffered == 0 {
			t.Errorf("no frame suffered %v", r)
		}
	}
	return l, seen
}

// paid fails the test if more came again than was in the frames that were lost: what a
// frame loses fails the trees of that frame and no others (K4).
func paid(t *testing.T, l *faults.Lab) {
	t.Helper()
	lost, replays := 0, uint64(0)
	for _, w := range l.Workers {
		lost += w.Proxy.Counts().Lost
		s, ok := w.Status()
		if !ok {
			t.Errorf("%s does not answer", w.Name)
		}
		for _, c := range s.Stats.Components {
			replays += c.Replayed
		}
	}
	t.Logf("%d replays of %d tuples and acks that were lost", replays, lost)
	if replays > uint64(lost) || replays == 0 {
		t.Errorf("%d replays of %d tuples and acks that were lost", replays, lost)
	}
}

const suffer = 5 * time.Second

// Row 19: what is lost is told, and comes again.
func TestDataFramesDropped(t *testing.T) {
	t.Parallel()
	l, _ := suffering(t, faults.Job{}, suffer, faults.Rule{Action: faults.Drop, Share: .01, Kinds: []frame.Kind{frame.Data}})
	paid(t, l)
}

// Row 20.
func TestAckFramesDropped(t *testing.T) {
	t.Parallel()
	l, _ := suffering(t, faults.Job{}, suffer, faults.Rule{Action: faults.Drop, Share: .01, Kinds: []frame.Kind{frame.Acks}})
	paid(t, l)
}

// Frames of all kinds are dropped: reports, beats and hand-shakes, too.
func TestAllFramesDropped(t *testing.T) {
	t.Parallel()
	suffering(t, faults.Job{}, suffer, faults.Rule{Action: faults.Drop, Share: .05})
}

// Row 21: a frame counts once.
func TestFramesDoubled(t *testing.T) {
	t.Parallel()
	_, seen := suffering(t, faults.Job{}, suffer, faults.Rule{Action: faults.Double, Share: .05, Within: 100 * time.Millisecond})
	atMost(t, seen, 0)
}

// Row 22.
func TestFramesReordered(t *testing.T) {
	t.Parallel()
	suffering(t, faults.Job{}, suffer, faults.Rule{Action: faults.Delay, Share: .05, Within: 100 * time.Millisecond})
}

// Row 23.
func TestFramesBroken(t *testing.T) {
	t.Parallel()
	suffering(t, faults.Job{}, suffer,
		faults.Rule{Action: faults.Corrupt, Share: .01}, faults.Rule{Action: faults.Truncate, Share: .01})
}

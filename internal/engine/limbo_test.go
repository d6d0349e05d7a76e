package engine

import (
	"context"
	"log/slog"
	"testing"

	"github.com/waterspout/waterspout/acker"
	"github.com/waterspout/waterspout/tuple"
)

// TestLimbo: what is said of a spout instance that is not known yet reaches it later,
// also if it was gathered before and handed on after the instance became known; what is
// said of one that is no more goes nowhere.
func TestLimbo(t *testing.T) {
	n := &Node{Name: "src", Spout: true, Parallelism: 1, MaxPending: 16, Timeout: 1}
	s := NewSite(context.Background(), []*Node{n}, Options{Log: slog.New(slog.DiscardHandler), Abroad: true})
	s.Homes(nil, 7)
	root := func(sequence uint64) tuple.Root { return tuple.NewRoot(7, sequence) }
	var early, late laneBuffers
	early.add(s.Run, acker.Pair{Root: root(1), Word: 1})
	early.flush(s.Run)
	late.add(s.Run, acker.Pair{Root: root(2), Word: 2})
	s.failRoot(root(3), tuple.Failure{Kind: tuple.Lost})
	s.failRoot(tuple.NewRoot(5, 1), tuple.Failure{}) // was, and is no more

	l := newLane(s.components[0], s.components[0].info(0), 7)
	s.enlist(l)
	s.Homes(nil, 8)
	late.flush(s.Run)
	words := map[tuple.Root]uint64{}
	for _, p := range l.pairs.Take(nil) {
		words[p.Root] ^= p.Word
	}
	fails := l.fails.Take(nil)
	if len(words) != 2 || words[root(1)] != 1 || words[root(2)] != 2 || len(fails) != 1 || fails[0].root != root(3) {
		t.Errorf("pairs %v, fails %v", words, fails)
	}
	if n := len(s.limbo.pairs) + len(s.limbo.fails); n > 0 {
		t.Errorf("%d are left in the limbo", n)
	}
}

package hops

import (
	"context"
	"math/rand/v2"

	"github.com/waterspout/waterspout/acker"
	"github.com/waterspout/waterspout/benchmarks/internal/harness"
)

// Book is one run of [Ledger].
type Book struct {
	Pending  int
	Ops      int
	Shuffled bool // trees end in random order instead of the order in which they began
}

// Ledger opens and ends trees while others are open. The count it reports is of
// trees: an Open and two Pairs each.
func Ledger(_ context.Context, b Book) (harness.Usage, error) {
	l := acker.New(1, b.Pending)
	open := make([]acker.Pair, b.Pending)
	for i := range open {
		open[i] = begin(l, uint64(i))
	}
	order := rand.New(rand.NewPCG(1, 2)).Perm(b.Pending)
	turn := func(n int) {
		for i := range n {
			k := i % b.Pending
			if b.Shuffled {
				k = order[k]
			}
			p := open[k]
			l.Pair(acker.Pair{Root: p.Root, Word: p.Word ^ 7}, int64(i))
			l.Pair(acker.Pair{Root: p.Root, Word: 7}, int64(i))
			open[k] = begin(l, uint64(i))
		}
	}
	turn(2 * b.Pending)
	meter, err := harness.StartMeter("")
	if err != nil {
		return harness.Usage{}, err
	}
	turn(b.Ops)
	return meter.Stop(uint64(b.Ops))
}

func begin(l *acker.Ledger, id uint64) acker.Pair {
	word := id | 1<<40
	root, ok := l.Open(id, word, int64(id))
	if !ok {
		panic("the ledger is full with fewer trees open than it was made for")
	}
	return acker.Pair{Root: root, Word: word}
}

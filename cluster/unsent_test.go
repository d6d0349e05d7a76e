package cluster_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/topology"
)

// A summing bolt emits the sum of what it holds, and acks that, in a tick or with the
// last input that it awaits.
type summing struct {
	last int // 0: a tick
	sum  int
	held []bolt.Held
}

func (s *summing) Execute(_ context.Context, v int, out *bolt.Collector[int]) error {
	if s.last > 0 && v == s.last {
		defer s.ack()
		out.Emit(s.sum+v, s.held...)
		return nil
	}
	s.sum += v
	s.held = append(s.held, out.Hold())
	return nil
}

func (s *summing) Every() time.Duration { return time.Second }

func (s *summing) Tick(_ context.Context, out *bolt.Collector[int]) error {
	if s.last == 0 && len(s.held) > 0 {
		defer s.ack()
		out.Emit(s.sum, s.held...)
	}
	return nil
}

func (s *summing) ack() {
	for _, h := range s.held {
		h.Ack()
	}
	s.held = nil
}

// An emit that goes to no task fails all that it is anchored to, the held inputs, too,
// though the bolt acks them (E3).
func TestUnsentFailsTheHeld(t *testing.T) {
	nowhere := func(grouping.Targets) grouping.Chooser[int] { return func(int) int { return grouping.None } }
	panics := func(grouping.Targets) grouping.Chooser[int] { return func(int) int { panic("choose") } }
	for name, g := range map[string]grouping.Grouping[int]{"none": nowhere, "panic": panics} {
		for in, last := range map[string]int{"Tick": 0, "Execute": 3} {
			t.Run(name+" in "+in, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := newBook(4)
					d := topology.New("test")
					s := topology.Spout(d, "src", b.New)
					sums := topology.Bolt(s.By(grouping.Shuffle), "sum", func() *summing { return &summing{last: last} })
					topology.Bolt(sums.By(g), "work", sinkOf(func(int) error { return nil }))
					if err := start(t, topology.Must(d.Build()), quiet).Wait(); err != nil {
						t.Error(err)
					}
					b.check(t, 0, 4)
				})
			})
		}
	}
}

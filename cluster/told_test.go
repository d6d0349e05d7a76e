package cluster_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/topology"
	"github.com/waterspout/waterspout/tuple"
)

// A breaking spout is a bookSpout that notes each answer, and then breaks at some.
type breaking struct {
	*bookSpout
	breaks func()
}

func (s *breaking) Ack(id uint64) {
	s.bookSpout.Ack(id)
	if id == 2 {
		s.breaks()
	}
}

func (s *breaking) Fail(id uint64, why spout.Failure) {
	s.bookSpout.Fail(id, why)
	if id%2 == 1 {
		s.breaks()
	}
}

// A gathering bolt acks its inputs when it has so many, together.
type gathering struct {
	n    int
	held []bolt.Held
}

func (g *gathering) Execute(_ context.Context, _ int, out *bolt.Collector[bolt.None]) error {
	if g.held = append(g.held, out.Hold()); len(g.held) == g.n {
		tuple.AckAll(g.held)
	}
	return nil
}

// An Ack or Fail that panics, or ends its goroutine, is no reason to leave out the others:
// each EmitID has its one answer, of those told together and of the last, too.
func TestAllAreToldBesideAPanic(t *testing.T) {
	for name, breaks := range map[string]func(){"panic": func() { panic("in an answer") }, "Goexit": runtime.Goexit} {
		for _, acked := range []int{0, 8} {
			t.Run(name, func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					b := newBook(8)
					b.wait = true
					d := topology.New("test")
					src := topology.Spout(d, "src", func() *breaking { return &breaking{b.New(), breaks} }, topology.Timeout(time.Hour))
					topology.Bolt(src.By(grouping.Global), "hold", func() *gathering { return &gathering{n: acked} })
					r := start(t, topology.Must(d.Build()), quiet)
					time.Sleep(time.Second)
					r.Abort(errBad)
					if err := r.Wait(); err == nil || acked == 0 && !errors.Is(err, errBad) {
						t.Error(err)
					}
					b.check(t, acked, 8-acked)
				})
			})
		}
	}
}

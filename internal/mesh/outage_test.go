package mesh_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/acker"
	"github.com/waterspout/waterspout/transport"
	"github.com/waterspout/waterspout/transport/inproc"
)

// TestOutage: a net that is away for a while loses nothing. Acks that have arrived, and
// whose sender cannot hear of that, have not failed: their sender knows that the net is
// away also when it is a report that it cannot send.
func TestOutage(t *testing.T) {
	for _, away := range []time.Duration{4 * time.Second, 8 * time.Second, time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			net := inproc.New()
			a, b := two(t, net)
			b.Peer("a").Outlet(here).Send(section(100, 1)) // a owes b a report,
			a.Peer("b").Outlet(here).Send(section(100, 2)) // b owes a one,
			a.Peer("b").Pairs([]acker.Pair{{Root: 5, Word: 9}})
			synctest.Wait()
			net.Down()
			time.Sleep(away)
			net.Up()
			pass(10 * time.Second)
			if b.acked[5] != 1 || len(a.got) != 1 || len(b.got) != 1 {
				t.Fatalf("away for %v: the pair came %d times; tuples: %v, %v", away, b.acked[5], a.got, b.got)
			}
			if why, failed := b.fails[5]; failed || len(a.lost) > 0 || len(b.lost) > 0 || a.Stats().Epochs != 2 {
				t.Errorf("away for %v: the pair came, and its tree failed: %v; lost %v, %v; %+v", away, why, a.lost, b.lost, a.Stats())
			}
		})
	}
}

// two are workers that accept one instance each, on a net.
func two(t *testing.T, net transport.Net) (a, b *worker) {
	t.Helper()
	var ws []*worker
	for _, name := range []string{"a", "b"} {
		conn, err := net.Open(t.Context(), "c", name)
		if err != nil {
			t.Fatal(err)
		}
		ws = append(ws, open(t, name, conn))
	}
	for _, w := range ws {
		w.SetPeers(others([]string{"a", "b"}, w.name))
		w.Accept(here)
	}
	pass(time.Second)
	return ws[0], ws[1]
}

package cluster_test

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"hash/fnv"
	"maps"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/cluster"
	"github.com/waterspout/waterspout/grouping"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/topology"
)

var seedFlag = flag.Uint64("metamorphic.seed", 0, "run only this seed of TestMetamorphic")

// A step is a pure component: what it emits on its main and its side stream is a
// function of the input.
type step struct {
	kind   int
	inputs []int // of the steps before it; -1 is the spout, k+1000 the side of step k
	groups []int
}

// apply is what a step makes of v.
func (s step) apply(v uint64) (main, side []uint64) {
	switch s.kind {
	case 0: // map
		return []uint64{v*31 + 7}, nil
	case 1: // flatmap
		for i := range v % 4 {
			main = append(main, v+i*1000003)
		}
		return main, nil
	case 2: // filter
		if v%3 == 0 {
			return nil, nil
		}
		return []uint64{v}, nil
	default: // split
		if v%2 == 0 {
			return []uint64{v / 2}, nil
		}
		return nil, []uint64{v ^ 0xff}
	}
}

// A plan is a random graph and its configuration.
type plan struct {
	steps []step
	n     int
}

func newPlan(r *rand.Rand) plan {
	p := plan{n: 200 + r.IntN(800)}
	streams := []int{-1}
	for i := range 2 + r.IntN(5) {
		s := step{kind: r.IntN(4)}
		for range 1 + r.IntN(2) { // a union reads two
			s.inputs = append(s.inputs, streams[r.IntN(len(streams))])
			s.groups = append(s.groups, r.IntN(4))
		}
		p.steps = append(p.steps, s)
		streams = append(streams, i)
		if s.kind == 3 {
			streams = append(streams, i+1000)
		}
	}
	return p
}

// interpret is the oracle: how often each step sees each value.
func (p plan) interpret() []map[uint64]int {
	streams := map[int]map[uint64]int{-1: {}}
	for v := range p.n {
		streams[-1][uint64(v)]++
	}
	var seen []map[uint64]int
	for i, s := range p.steps {
		in, main, side := map[uint64]int{}, map[uint64]int{}, map[uint64]int{}
		for _, from := range s.inputs {
			for v, k := range streams[from] {
				in[v] += k
				a, b := s.apply(v)
				for _, w := range a {
					main[w] += k
				}
				for _, w := range b {
					side[w] += k
				}
			}
		}
		seen = append(seen, in)
		streams[i], streams[i+1000] = main, side
	}
	return seen
}

// A meter records what a step acked, and fails a share of its inputs.
type meter struct {
	step
	share float64
	side  *bolt.Side[uint64]

	mu   sync.Mutex
	rand *rand.Rand
	seen map[uint64]int
}

var errDrawn = errors.New("drawn to fail")

func (m *meter) execute(_ context.Context, v uint64, out *bolt.Collector[uint64]) error {
	m.mu.Lock()
	early, late := m.rand.Float64() < m.share/2, m.rand.Float64() < m.share/2
	if !early {
		m.seen[v]++
	}
	m.mu.Unlock()
	if early {
		return errDrawn
	}
	main, side := m.apply(v)
	for _, w := range main {
		out.Emit(w)
	}
	for _, w := range side {
		m.side.Emit(out, w)
	}
	if late {
		return errDrawn
	}
	return nil
}

func (p plan) build(r *rand.Rand, untracked bool, share float64) (*topology.Topology, []*meter) {
	groupings := []grouping.Grouping[uint64]{grouping.Shuffle[uint64], grouping.Value[uint64], grouping.Global[uint64], func(to grouping.Targets) grouping.Chooser[uint64] {
		return func(v uint64) int { return int(v % uint64(to.Count)) }
	}}
	vs := make([]uint64, p.n)
	for i := range vs {
		vs[i] = uint64(i)
	}
	b := topology.New("random")
	opts := []topology.SpoutOption{topology.Parallelism(1 + r.IntN(3)), topology.MaxPending(1 + r.IntN(500))}
	var s topology.Stream[uint64]
	if untracked {
		s = topology.Spout(b, "spout", spout.FromSlice(vs), append(opts, topology.Untracked())...)
	} else {
		s = topology.Spout(b, "spout", spout.Replay(spout.FromSlice(vs), spout.Retry{Backoff: time.Microsecond, Max: time.Millisecond}, nil), opts...)
	}
	streams := map[int]topology.Stream[uint64]{-1: s}
	var meters []*meter
	for i, st := range p.steps {
		m := &meter{step: st, share: share, side: bolt.NewSide[uint64]("side"), rand: rand.New(rand.NewPCG(r.Uint64(), 1)), seen: map[uint64]int{}}
		var ins []topology.Input[uint64]
		for k, from := range st.inputs {
			ins = append(ins, streams[from].By(groupings[st.groups[k]]))
		}
		streams[i] = topology.Bolt(topology.Merge(ins...), fmt.Sprintf("step%d", i), bolt.Of(m.execute), topology.Parallelism(1+r.IntN(4)))
		if st.kind == 3 {
			streams[i+1000] = topology.Side(streams[i], m.side)
		}
		meters = append(meters, m)
	}
	return topology.Must(b.Build()), meters
}

// TestMetamorphic compares random topologies with a sequential interpreter: without
// acking every step sees every value exactly as often as it should, with acking and
// failures at least as often. A failure prints the seed to give to
// -metamorphic.seed.
func TestMetamorphic(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	seed := *seedFlag
	if seed == 0 {
		h := fnv.New64()
		fmt.Fprint(h, time.Now())
		seed = h.Sum64()
	}
	for began, i := time.Now(), 0; time.Since(began) < 5*time.Second && (i == 0 || *seedFlag == 0); i++ {
		if !metamorphic(t, seed+uint64(i)) {
			t.Fatalf("replay with -run TestMetamorphic -metamorphic.seed=%d", seed+uint64(i))
		}
	}
}

func metamorphic(t *testing.T, seed uint64) bool {
	r := rand.New(rand.NewPCG(seed, 0))
	runtime.GOMAXPROCS(1 + r.IntN(4))
	p := newPlan(r)
	untracked := r.IntN(2) == 0
	share := 0.0
	if !untracked {
		share = []float64{0, 0.001, 0.02}[r.IntN(3)]
	}
	topo, meters := p.build(r, untracked, share)
	mode := quiet
	mode.Wire = r.IntN(2) == 0
	ctx, cancel := context.WithTimeoutCause(context.Background(), 20*time.Second, errors.New("the run hangs"))
	defer cancel()
	run, err := cluster.Start(ctx, topo, mode)
	if err == nil {
		if err = run.Wait(); err == nil {
			err = context.Cause(ctx)
		}
	}
	if err != nil {
		t.Errorf("%v\nof %v: %+v", err, topo, run.Stats())
		return false
	}
	for i, want := range p.interpret() {
		got := meters[i].seen
		equal := maps.Equal(got, want)
		if share > 0 {
			equal = true
			for v, k := range want {
				equal = equal && got[v] >= k
			}
			for v := range got {
				equal = equal && want[v] > 0
			}
		}
		if !equal {
			t.Errorf("step%d of %v saw %d values, want %d; failing %v, untracked %t", i, topo, len(got), len(want), share, untracked)
			return false
		}
	}
	return true
}

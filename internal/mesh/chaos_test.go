package mesh_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/acker"
	"github.com/waterspout/waterspout/internal/link"
	"github.com/waterspout/waterspout/internal/mesh"
	"github.com/waterspout/waterspout/transport"
	"github.com/waterspout/waterspout/transport/inproc"
	"github.com/waterspout/waterspout/tuple"
)

// A chaos is a Conn that loses, doubles, reorders, delays and corrupts what it
// sends, while it is told to.
type chaos struct {
	transport.Conn
	on *atomic.Bool

	mu   sync.Mutex
	rand *rand.Rand
	held [][]byte // behind the next frame
}

func (c *chaos) Send(ctx context.Context, to string, lane transport.Lane, f []byte) error {
	for _, f := range c.strike(to, lane, f) {
		if err := c.Conn.Send(ctx, to, lane, f); err != nil {
			return err
		}
	}
	return nil
}

// strike is what goes out instead of f.
func (c *chaos) strike(to string, lane transport.Lane, f []byte) [][]byte {
	if !c.on.Load() {
		return [][]byte{f}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	f = append([]byte{}, f...)
	switch p := c.rand.Float64(); {
	case p < 0.03:
		return nil
	case p < 0.05:
		return [][]byte{f, f}
	case p < 0.06:
		f[c.rand.IntN(len(f))] ^= 1 << c.rand.IntN(8)
	case p < 0.08:
		c.held = append(c.held, f)
		return nil
	case p < 0.10: // late, perhaps by so much that its epoch is over
		time.AfterFunc(time.Duration(c.rand.Int64N(int64(10*time.Second))), func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			c.Conn.Send(ctx, to, lane, f)
		})
		return nil
	}
	// What was held may be for another lane or peer: that is one more fault.
	out := append([][]byte{f}, c.held...)
	c.held = nil
	return out
}

// TestChaos has three workers send to each other over a net that does what it
// likes. Each tuple arrives at most once; it and each pair arrive, or their root
// is told; no inbox holds more than was granted; and when the net has healed,
// everything flows.
func TestChaos(t *testing.T) {
	for seed := range uint64(3) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { runChaos(t, seed) })
		})
	}
}

func runChaos(t *testing.T, seed uint64) {
	net, names := inproc.New(), []string{"a", "b", "c"}
	var on atomic.Bool
	var ws []*worker
	for i, name := range names {
		conn, err := net.Open(t.Context(), "c", name)
		if err != nil {
			t.Fatal(err)
		}
		ws = append(ws, open(t, name, &chaos{Conn: conn, on: &on, rand: rand.New(rand.NewPCG(seed, uint64(i)))}))
	}
	on.Store(true)
	for _, w := range ws {
		w.slow = true
		w.Accept(here)
		w.SetPeers(others(names, w.name))
	}
	runs, stop := start(t, seed, ws, names)
	time.Sleep(20 * time.Second)
	net.Cut("b") // for longer than a link is patient
	time.Sleep(8 * time.Second)
	net.Heal("b")
	time.Sleep(5 * time.Second)
	on.Store(false)
	time.Sleep(15 * time.Second)
	before := make([]int, len(ws))
	for i, w := range ws {
		before[i] = w.count()
	}
	time.Sleep(3 * time.Second)
	for i, w := range ws {
		if n := w.count() - before[i]; n <= 300 {
			t.Errorf("%s: %d tuples in 3 s after the net healed", w.name, n)
		}
	}
	stop()
	for _, w := range ws {
		w.Mark(9, 9)
		w.settle(t)
	}
	pass(time.Second)
	judge(t, ws, names, runs)
}

// start has every worker send to both others, and take what it gets. stop ends
// that.
func start(t *testing.T, seed uint64, ws []*worker, names []string) (runs []*sending, stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	var group sync.WaitGroup
	for i, w := range ws {
		group.Go(func() { w.takeEvery(ctx, 40*time.Millisecond) })
		for j, to := range others(names, w.name) {
			r := &sending{from: w, to: to, rand: rand.New(rand.NewPCG(seed, uint64(100+i*10+j))), next: uint64(i*10+j+1) << 32}
			runs = append(runs, r)
			group.Go(func() { r.run(ctx) })
		}
	}
	return runs, func() {
		cancel()
		group.Wait()
	}
}

func judge(t *testing.T, ws []*worker, names []string, runs []*sending) {
	for _, w := range ws {
		w.check(t, names)
	}
	lost, told := 0, 0
	for _, r := range runs {
		l, n := r.check(t, ws)
		lost, told = lost+l, told+n
	}
	stats := ws[0].Stats()
	t.Logf("%d tuples lost, %d pairs failed, a: %+v", lost, told, stats)
	if lost == 0 || told == 0 || stats.Reasons["checksum"] == 0 || stats.Reasons["old"] == 0 {
		t.Error("the net was too kind")
	}
}

// takeEvery empties the inboxes again and again.
func (w *worker) takeEvery(ctx context.Context, d time.Duration) {
	for i := 0; ctx.Err() == nil; i++ {
		time.Sleep(d)
		if i%64 == 63 {
			time.Sleep(time.Second) // until the inbox is full
		}
		w.take()
	}
	w.mu.Lock()
	w.slow = false
	w.mu.Unlock()
	w.take()
}

func (w *worker) check(t *testing.T, names []string) {
	for root, n := range w.roots {
		if n > 1 {
			t.Errorf("%s got %v %d times", w.name, root, n)
		}
	}
	for root, n := range w.acked {
		if n > 1 {
			t.Errorf("%s got a pair of %v %d times", w.name, root, n)
		}
	}
	if most := 2 * (int(link.Window(2)) + 40_000); w.most > most || w.most < most/2 {
		t.Errorf("%s queued %d bytes, of %d", w.name, w.most, most)
	}
	for _, name := range others(names, w.name) {
		if revision, phase := w.Peer(name).Marked(); revision != 9 || phase != 9 {
			t.Errorf("%s has mark %d, %d of %s", w.name, revision, phase, name)
		}
	}
}

// A sending is one task that sends tuples and pairs to one peer.
type sending struct {
	from  *worker
	to    string
	rand  *rand.Rand
	next  uint64
	sent  []tuple.Root
	pairs []tuple.Root
}

func (r *sending) run(ctx context.Context) {
	p := r.from.Peer(r.to)
	out := p.Outlet(here)
	for revision := uint64(1); ctx.Err() == nil; {
		var numbers []uint64
		for range 1 + r.rand.IntN(20) {
			r.next++
			numbers = append(numbers, r.next)
		}
		s := section(r.rand.IntN(1500), numbers...)
		if !out.Send(s) {
			panic("refused")
		}
		r.sent = append(r.sent, s.Roots...)
		var pairs []acker.Pair
		for range r.rand.IntN(5) {
			r.next++
			pairs = append(pairs, acker.Pair{Root: tuple.Root(r.next), Word: 1})
			r.pairs = append(r.pairs, tuple.Root(r.next))
		}
		p.Pairs(pairs)
		switch r.rand.IntN(50) {
		case 0:
			time.Sleep(time.Duration(r.rand.Int64N(int64(2 * time.Second))))
		case 1:
			r.from.Mark(revision, 0)
			revision = min(revision+1, 8)
		default:
			time.Sleep(time.Duration(r.rand.Int64N(int64(20 * time.Millisecond))))
		}
	}
}

// check looks for what neither arrived nor was told, and returns how many tuples
// were lost and how many pairs failed.
func (r *sending) check(t *testing.T, ws []*worker) (lost, told int) {
	var to *worker
	for _, w := range ws {
		if w.name == r.to {
			to = w
		}
	}
	for _, root := range r.sent {
		if r.from.lost[root] > 0 {
			lost++
		} else if to.roots[root] == 0 {
			t.Errorf("%s to %s: tuple %v is gone without a word", r.from.name, r.to, root)
			return lost, told
		}
	}
	for _, root := range r.pairs {
		if to.fails[root] != (tuple.Failure{}) || r.from.lost[root] > 0 {
			told++
		} else if to.acked[root] == 0 {
			t.Errorf("%s to %s: pair of %v is gone without a word", r.from.name, r.to, root)
			return lost, told
		}
	}
	var last uint64
	for _, n := range to.got {
		if n>>32 == r.next>>32 && n <= last {
			t.Errorf("%s to %s: %d after %d", r.from.name, r.to, n, last)
		} else if n>>32 == r.next>>32 {
			last = n
		}
	}
	return lost, told
}

var _ mesh.Handler = (*worker)(nil)

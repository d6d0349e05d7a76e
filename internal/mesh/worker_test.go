package mesh_test

import (
	"encoding/binary"
	"log/slog"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/waterspout/waterspout/acker"
	"github.com/waterspout/waterspout/internal/frame"
	"github.com/waterspout/waterspout/internal/mesh"
	"github.com/waterspout/waterspout/transport"
	"github.com/waterspout/waterspout/transport/inproc"
	"github.com/waterspout/waterspout/tuple"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const nonce = 0xfeed

// A worker is a mesh, and a Handler that keeps what arrives. Tuples are numbers.
type worker struct {
	*mesh.Mesh
	name string
	conn transport.Conn

	mu    sync.Mutex
	boxes map[mesh.Address][]mesh.Parcel // what waits to be taken
	slow  bool                           // parcels wait until take
	got   []uint64                       // numbers, in the order they came
	roots map[tuple.Root]int             // how often tuples came for it
	acked map[tuple.Root]int             // how often pairs came for it
	pairs map[tuple.Root]uint64
	fails map[tuple.Root]tuple.Failure
	lost  map[tuple.Root]int
	tell  chan struct{} // if there is one, Lost waits for it and fails the trees at b
	marks int
	most  int // bytes that were in boxes
	held  int
}

func open(t testing.TB, name string, conn transport.Conn) *worker {
	w := &worker{
		name: name, conn: conn, boxes: map[mesh.Address][]mesh.Parcel{}, roots: map[tuple.Root]int{}, acked: map[tuple.Root]int{},
		pairs: map[tuple.Root]uint64{}, fails: map[tuple.Root]tuple.Failure{}, lost: map[tuple.Root]int{},
	}
	w.Mesh = mesh.Open(mesh.Config{Conn: conn, Nonce: nonce, Self: name, Log: slog.New(slog.DiscardHandler), To: w})
	t.Cleanup(func() {
		w.Close()
		conn.Close()
	})
	return w
}

// join opens workers that are all peers of each other.
func join(t testing.TB, names ...string) []*worker {
	net := inproc.New()
	var ws []*worker
	for _, name := range names {
		conn, err := net.Open(t.Context(), "c", name)
		if err != nil {
			t.Fatal(err)
		}
		ws = append(ws, open(t, name, conn))
	}
	for _, w := range ws {
		w.SetPeers(others(names, w.name))
	}
	return ws
}

func others(names []string, self string) (rest []string) {
	for _, name := range names {
		if name != self {
			rest = append(rest, name)
		}
	}
	return rest
}

var here = mesh.Address{Task: 3, Instance: 7}

func (w *worker) Tuples(to mesh.Address, inlet int, p mesh.Parcel) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if inlet != 2 {
		return false
	}
	n := 0
	for r := frame.NewTuples(p.Body); ; n++ {
		lin, value, ok := r.Next()
		if !ok {
			break
		}
		w.got = append(w.got, binary.LittleEndian.Uint64(value))
		w.roots[lin.Root]++
	}
	if n != p.Count {
		panic("counted wrong")
	}
	if !w.slow {
		p.Done(0)
		return true
	}
	w.boxes[to] = append(w.boxes[to], p)
	w.held += len(p.Body)
	w.most = max(w.most, w.held)
	return true
}

// cost is what a tuple costs a slow worker, as it says.
const cost = 7_000

// take takes all parcels out of the inboxes.
func (w *worker) take() {
	w.mu.Lock()
	boxes := w.boxes
	w.boxes = map[mesh.Address][]mesh.Parcel{}
	w.held = 0
	w.mu.Unlock()
	for _, box := range boxes {
		for _, p := range box {
			p.Done(cost)
		}
	}
}

func (w *worker) Pairs(ps []acker.Pair) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, p := range ps {
		w.pairs[p.Root] ^= p.Word
		w.acked[p.Root]++
	}
}

func (w *worker) Fail(root tuple.Root, why tuple.Failure) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.fails[root] = why
}

func (w *worker) Lost(roots []tuple.Root) {
	if w.tell != nil {
		<-w.tell
		for _, root := range roots {
			w.Peer("b").Fail(root, tuple.Failure{Kind: tuple.Lost})
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, root := range roots {
		w.lost[root]++
	}
}

func (w *worker) Marked() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.marks++
}

// section is tuples with those numbers, each of its own root and at least size
// bytes.
func section(size int, numbers ...uint64) mesh.Section {
	s := mesh.Section{Inlet: 2, Count: len(numbers)}
	var body []byte
	var last tuple.Root
	for _, n := range numbers {
		root := tuple.Root(n)
		body, last = frame.AppendLineage(s.Body, &tuple.Lineage{Link: tuple.Link{Root: root, Edge: ^n}}, last)
		body, mark := frame.BeginValue(body)
		body = binary.LittleEndian.AppendUint64(body, n)
		body = append(body, make([]byte, max(size-8, 0))...)
		s.Body = frame.EndValue(body, mark)
		s.Roots = append(s.Roots, root)
	}
	return s
}

// count is how many tuples came.
func (w *worker) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.got)
}

// pass lets time pass, in a bubble, and all be done that it brings.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (w *worker) settle(t *testing.T) {
	t.Helper()
	if err := w.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	synctest.Wait()
}

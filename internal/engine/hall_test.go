package engine

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/internal/mesh"
	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/transport"
	"github.com/waterspout/waterspout/transport/inproc"
	"github.com/waterspout/waterspout/tuple"
)

// An item is a value whose codec does what it says.
type item struct {
	N     int
	Fault fault
	Size  int // bytes that it has beside
}

type fault byte

const (
	none fault = iota
	encodeError
	encodePanic
	decodeError
	decodePanic
)

// touchy is the codec of items.
type touchy struct{}

var errTouchy = errors.New("touchy")

func (touchy) Append(dst []byte, v item) ([]byte, error) {
	dst = append(dst, byte(v.Fault)) // also of those that fail: it must not be sent
	switch v.Fault {
	case encodeError:
		return dst, errTouchy
	case encodePanic:
		panic("touchy")
	}
	dst = binary.LittleEndian.AppendUint64(dst, uint64(v.N))
	return append(dst, make([]byte, v.Size)...), nil
}

func (touchy) Decode(src []byte, v *item) error {
	*v = item{int(binary.LittleEndian.Uint64(src[1:])), fault(src[0]), len(src) - 9}
	switch v.Fault {
	case decodeError:
		return errTouchy
	case decodePanic:
		panic("touchy")
	}
	return nil
}

// A hall is the sites of one declaration, each with a mesh, over one net.
type hall struct {
	t     *testing.T
	net   *inproc.Net
	nodes []*Node
	wings map[string]*wing
	next  uint32
	homes map[uint32]string // of spout instances
	at    map[int]mesh.Address
}

// A wing is one site with what it stands on.
type wing struct {
	*Site
	links *mesh.Mesh
	conn  transport.Conn
	log   *journal
}

// A journal is a log that tests read.
type journal struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.buf.String()
}

const hallGrace = 5 * time.Second

// newHall opens sites of those names, without tasks.
func newHall(t *testing.T, nodes []*Node, names ...string) *hall {
	h := &hall{t: t, net: inproc.New(), nodes: nodes, wings: map[string]*wing{}, homes: map[uint32]string{}, at: map[int]mesh.Address{}}
	for _, name := range names {
		conn, err := h.net.Open(t.Context(), "c", name)
		if err != nil {
			t.Fatal(err)
		}
		w := &wing{conn: conn, log: &journal{}}
		log := slog.New(slog.NewTextHandler(w.log, nil))
		w.Site = NewSite(context.Background(), nodes, Options{Topology: "test", Log: log, Grace: hallGrace, Abroad: true, Cluster: "c"})
		w.links = mesh.Open(mesh.Config{Conn: conn, Nonce: 1, Self: name, Log: log, To: w.Site})
		w.Join(w.links)
		h.wings[name] = w
	}
	for name, w := range h.wings {
		w.links.SetPeers(slices.DeleteFunc(slices.Clone(names), func(n string) bool { return n == name }))
	}
	return h
}

// place begins a new instance of a task, by number, on a site, and points all
// senders to it.
func (h *hall) place(task int, on string) mesh.Address {
	h.next++
	a := mesh.Address{Task: uint32(task), Instance: h.next}
	h.at[task] = a
	h.point(a, on)
	h.wings[on].Begin(a)
	return a
}

func (h *hall) point(a mesh.Address, on string) {
	if h.wings[on].kinds[a.Task].comp.node.Spout {
		h.homes[a.Instance] = on
	}
	for name, w := range h.wings {
		abroad := map[uint32]*mesh.Peer{}
		for instance, at := range h.homes {
			if at != name {
				abroad[instance] = w.links.Peer(at)
			}
		}
		w.Homes(abroad, 0)
		w.Point(a, w.links.Peer(on))
	}
}

// stage is how far a task of a site is, -1 if it is none.
func (w *wing) at(a mesh.Address) Stage {
	if s, ok := w.Tenants()[a]; ok {
		return s
	}
	return -1
}

// pass lets time pass, in a bubble, and all be done that it brings.
func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// close ends what is left, and reports what each site's Close returned.
func (h *hall) close(cause error) map[string]error {
	h.t.Helper()
	left := map[string]error{}
	for _, name := range slices.Sorted(maps.Keys(h.wings)) {
		w := h.wings[name]
		if err := w.Close(cause, false, hallGrace); err != nil {
			left[name] = err
		}
		w.links.Close()
		w.conn.Close()
	}
	return left
}

// A tap is a spout that emits what it is sent, and what it was told of it.
type tap struct {
	feed chan item

	mu     sync.Mutex
	acked  map[int]int
	failed map[int][]tuple.Failure
	moves  int
	closed int
}

func newTap() *tap {
	return &tap{feed: make(chan item), acked: map[int]int{}, failed: map[int][]tuple.Failure{}}
}

type tapSpout struct{ *tap }

func (t *tap) New() spout.Spout[item] { return tapSpout{t} }

func (t tapSpout) Run(ctx context.Context, out *spout.Emitter[item]) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case v, ok := <-t.feed:
			if !ok || !out.EmitID(v, uint64(v.N)) {
				return nil
			}
		}
	}
}

func (t tapSpout) Ack(id uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.acked[int(id)]++
}

func (t tapSpout) Fail(id uint64, why tuple.Failure) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failed[int(id)] = append(t.failed[int(id)], why)
}

func (t tapSpout) Moved() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.moves++
}

func (t tapSpout) Close() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed++
	return nil
}

// one is the failure of an item that failed, once, and was not acked.
func (t *tap) one(test *testing.T, n int) tuple.Failure {
	test.Helper()
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.failed[n]) != 1 || t.acked[n] != 0 {
		test.Fatalf("item %d: acked %d times, failures %v", n, t.acked[n], t.failed[n])
	}
	return t.failed[n][0]
}

// settled is how many items were acked, and how many failed.
func (t *tap) settled() (acked, failed int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.acked), len(t.failed)
}

// A handy bolt does what its functions say.
type handy struct {
	open    func(ctx context.Context, task bolt.Task) error
	execute func(ctx context.Context, v item, out *bolt.Collector[item]) error
	close   func() error
}

func (b *handy) Open(ctx context.Context, task bolt.Task) error {
	if b.open == nil {
		return nil
	}
	return b.open(ctx, task)
}

func (b *handy) Execute(ctx context.Context, v item, out *bolt.Collector[item]) error {
	if b.execute == nil {
		return nil
	}
	return b.execute(ctx, v, out)
}

func (b *handy) Close() error {
	if b.close == nil {
		return nil
	}
	return b.close()
}

// pipe declares a spout and a bolt behind it: tasks 0 to spouts-1 and those after.
func pipe(t *tap, spouts int, newBolt func() bolt.Bolt[item, item]) []*Node {
	src := &Node{Name: "src", Parallelism: spouts, MaxPending: 1 << 14, Timeout: time.Hour}
	out := DeclareSpout(src, t.New)
	out.SetCodec(touchy{})
	work := &Node{Name: "work", Parallelism: 1}
	DeclareBolt(work, []Source[item]{From(out, "shuffle", groupingFirst)}, newBolt).SetCodec(touchy{})
	return []*Node{src, work}
}

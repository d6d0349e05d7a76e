package transporttest

import (
	"fmt"
	"sync"
	"testing"

	"github.com/waterspout/waterspout/transport"
)

// testOrder: frames of one sender come in order, whole, on each lane, while the
// sender writes over what it has sent.
func testOrder(t *testing.T, k *kit) {
	a, b := k.pair()
	const n = 2000
	var group sync.WaitGroup
	defer group.Wait()
	for lane := range transport.Lanes {
		group.Go(func() {
			buf := make([]byte, 4096)
			for i := range n {
				f := buf[:8+i%4000]
				fill(f, i)
				if err := a.Send(k.ctx, "b", lane, f); err != nil {
					t.Errorf("Send: %v", err)
					return
				}
			}
		})
	}
	for lane := range transport.Lanes {
		k.drain(b, lane, 0, n, -1)
	}
	k.undropped(a, b)
}

// testConcurrent: several goroutines send over one Conn, frames small and large.
func testConcurrent(t *testing.T, k *kit) {
	a, b := k.pair()
	const senders, n = 4, 25
	var group sync.WaitGroup
	defer group.Wait()
	for s := range senders {
		group.Go(func() {
			for i := range n {
				size := 8 + i
				if i%5 == s {
					size = 2<<20 + i
				}
				if err := a.Send(k.ctx, "b", transport.Data, frame(s*n+i, size)); err != nil {
					t.Errorf("Send: %v", err)
				}
			}
		})
	}
	next := make([]int, senders)
	for range senders * n {
		f := k.recv(b, transport.Data)
		if !intact(f) {
			t.Fatalf("a frame of %d bytes is not whole", len(f))
		}
		s, i := number(f)/n, number(f)%n
		if i != next[s] {
			t.Fatalf("sender %d: frame %d came, not %d", s, i, next[s])
		}
		next[s]++
	}
	k.undropped(a, b)
}

func testSizes(t *testing.T, k *kit) {
	a, b := k.pair()
	sizes := []int{8, 9, 1000, 32 << 10, 1<<20 - 600, 1<<20 - 1, 1 << 20, 1<<20 + 1, 3<<20 + 17, 8 << 20}
	for lane := range transport.Lanes {
		sizes := sizes
		if lane == transport.Data && !testing.Short() {
			sizes = append(sizes, transport.MaxFrame)
		}
		for i, size := range sizes {
			want := frame(i, size)
			result := make(chan error, 1)
			go func() { result <- a.Send(k.ctx, "b", lane, want) }()
			got := k.recv(b, lane)
			if err := k.ended("Send", result); err != nil {
				t.Fatalf("Send of %d bytes: %v", size, err)
			}
			if len(got) != size || !intact(got) || number(got) != i {
				t.Fatalf("a frame of %d bytes came as one of %d", size, len(got))
			}
		}
		for _, small := range [][]byte{{7}, {}, nil} {
			k.send(a, "b", lane, small)
			if got := k.recv(b, lane); string(got) != string(small) {
				t.Errorf("%v came as %v", small, got)
			}
		}
		if err := a.Send(k.ctx, "b", lane, make([]byte, transport.MaxFrame+1)); err == nil {
			t.Error("Send takes a frame larger than MaxFrame")
		}
	}
	if err := a.Send(k.ctx, "b", transport.Lanes, []byte("x")); err == nil {
		t.Error("Send takes a lane that does not exist")
	}
}

// testOwnership: what was received stays as it is, whatever is sent and received
// later, and may be written over.
func testOwnership(t *testing.T, k *kit) {
	a, b := k.pair()
	var frames [][]byte
	buf := make([]byte, 1000)
	for i := range 100 {
		fill(buf, i)
		k.send(a, "b", transport.Data, buf)
		f := k.recv(b, transport.Data)
		f = append(f, "more"...)[:len(f)]
		frames = append(frames, f)
		if i%2 == 1 {
			clear(f)
		}
	}
	for i, f := range frames {
		if i%2 == 0 && (!intact(f) || number(f) != i) {
			t.Fatalf("frame %d was written over", i)
		}
	}
}

func testSelf(t *testing.T, k *kit) {
	a := k.open("c", "a")
	for lane := range transport.Lanes {
		k.send(a, "a", lane, []byte("me"))
		if got := k.recv(a, lane); string(got) != "me" {
			t.Errorf("%q came", got)
		}
	}
}

// testBackPressure: a receiver that does not read holds up its senders, or frames
// are kept for it. None is dropped.
func testBackPressure(t *testing.T, k *kit) {
	a, b := k.pair()
	const n, size = 1500, 16 << 10
	taken, blocked := k.stuff(a, "b", transport.Data, n/2, size)
	but := -1
	from := taken
	if blocked {
		but, from = taken, taken+1 // the one that blocked may come or not
	}
	var group sync.WaitGroup
	defer group.Wait()
	group.Go(func() {
		for i := from; i < n; i++ {
			if err := a.Send(k.ctx, "b", transport.Data, frame(i, size)); err != nil {
				t.Errorf("Send: %v", err)
				return
			}
		}
	})
	k.drain(b, transport.Data, 0, n, but)
	k.undropped(a, b)
}

// testLanes: control passes a data lane that nobody reads, and a full receiver does
// not hold up the sender's frames to others.
func testLanes(t *testing.T, k *kit) {
	a, b := k.pair()
	c := k.open("c", "c")
	taken, blocked := k.stuff(a, "b", transport.Data, 600, 16<<10)
	stuck := make(chan error, 1)
	if blocked {
		go func() { stuck <- a.Send(k.ctx, "b", transport.Data, frame(taken+1, 16<<10)) }()
	} else {
		stuck <- nil
	}
	for i := range 100 {
		k.send(a, "b", transport.Control, fmt.Append(nil, i))
		if got := string(k.recv(b, transport.Control)); got != fmt.Sprint(i) {
			t.Fatalf("%q came on the control lane", got)
		}
		k.send(a, "c", transport.Data, fmt.Append(nil, i))
		if got := string(k.recv(c, transport.Data)); got != fmt.Sprint(i) {
			t.Fatalf("%q came at c", got)
		}
	}
	if blocked {
		k.drain(b, transport.Data, 0, taken+2, taken)
	} else {
		k.drain(b, transport.Data, 0, taken, -1)
	}
	if err := k.ended("Send", stuck); err != nil {
		t.Errorf("Send: %v", err)
	}
	k.undropped(a, b, c)
}

// testClusters: workers of two clusters with the same names.
func testClusters(t *testing.T, k *kit) {
	clusters := []string{"c", "c-1", "d"}
	var as, bs []transport.Conn
	for _, cluster := range clusters {
		as, bs = append(as, k.open(cluster, "a")), append(bs, k.open(cluster, "b"))
	}
	for i := range 100 {
		for lane := range transport.Lanes {
			for j, a := range as {
				k.send(a, "b", lane, fmt.Appendf(nil, "%s %d", clusters[j], i))
			}
			for j, b := range bs {
				want := fmt.Sprintf("%s %d", clusters[j], i)
				if got := string(k.recv(b, lane)); got != want {
					t.Fatalf("cluster %s got %q, not %q", clusters[j], got, want)
				}
			}
		}
	}
}

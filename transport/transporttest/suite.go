// Package transporttest is the suite that every transport passes, for those who
// write one of their own.
//
//	func TestNet(t *testing.T) {
//		transporttest.Run(t, func(t *testing.T) transport.Net { return mynet.New(t) })
//	}
//
// A Net that implements [Downer], [Wiper] or [Cutter] is hurt by it, too. It sends
// up to [transport.MaxFrame] in one piece, unless testing.Short.
package transporttest

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/waterspout/waterspout/transport"
)

// A Downer is a Net that a test can take away from all workers, and bring back with
// its stores as they were. Down returns when the net is away.
type Downer interface {
	Down()
	Up()
}

// A Wiper is a Net whose stores a test can lose.
type Wiper interface{ Wipe() }

// A Cutter is a Net that can be taken away from one worker, which is not told: its
// packets go nowhere. Names are as in Open.
type Cutter interface {
	Cut(worker string)
	Heal(worker string)
}

// patience is how long a test waits for what must happen: it then fails.
const patience = 60 * time.Second

// impatience is how long a test waits for what may not happen.
const impatience = 150 * time.Millisecond

// Run runs the suite. newNet is called once per test and returns a net without
// workers and stores of its own; what it opens it closes with t.Cleanup. Tests are
// not parallel.
func Run(t *testing.T, newNet func(t *testing.T) transport.Net) {
	tests := []struct {
		name string
		run  func(*testing.T, *kit)
	}{
		{"Order", testOrder},
		{"Concurrent", testConcurrent},
		{"Sizes", testSizes},
		{"Ownership", testOwnership},
		{"Self", testSelf},
		{"BackPressure", testBackPressure},
		{"Lanes", testLanes},
		{"Clusters", testClusters},
		{"Names", testNames},
		{"SameName", testSameName},
		{"PeerGone", testPeerGone},
		{"PeerCloses", testPeerCloses},
		{"CloseSend", testCloseSend},
		{"CloseRecv", testCloseRecv},
		{"Context", testContext},
		{"Down", testDown},
		{"Cut", testCut},
		{"Store", testStore},
		{"StoreNames", testStoreNames},
		{"StoreRace", testStoreRace},
		{"StoreClosed", testStoreClosed},
		{"StoreDown", testStoreDown},
		{"StoreWiped", testStoreWiped},
		{"Watch", testWatch},
		{"WatchEnds", testWatchEnds},
		{"WatchDown", testWatchDown},
		{"WatchWiped", testWatchWiped},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), patience)
			defer cancel()
			test.run(t, &kit{T: t, ctx: ctx, net: newNet(t)})
		})
	}
}

// A kit is what a test has at hand. Its methods end the test when they fail.
type kit struct {
	*testing.T
	ctx context.Context
	net transport.Net
}

func (k *kit) open(cluster, worker string) transport.Conn {
	k.Helper()
	c, err := k.net.Open(k.ctx, cluster, worker)
	if err != nil {
		k.Fatalf("Open %s %s: %v", cluster, worker, err)
	}
	k.Cleanup(func() {
		if err := c.Close(); err != nil {
			k.Errorf("Close of %s: %v", worker, err)
		}
	})
	return c
}

// pair opens workers a and b.
func (k *kit) pair() (a, b transport.Conn) {
	k.Helper()
	return k.open("c", "a"), k.open("c", "b")
}

func (k *kit) send(c transport.Conn, to string, lane transport.Lane, payload []byte) {
	k.Helper()
	if err := c.Send(k.ctx, to, lane, payload); err != nil {
		k.Fatalf("Send to %s: %v", to, err)
	}
}

func (k *kit) recv(c transport.Conn, lane transport.Lane) []byte {
	k.Helper()
	frame, err := c.Recv(k.ctx, lane)
	if err != nil {
		k.Fatalf("Recv: %v", err)
	}
	return frame
}

func (k *kit) undropped(conns ...transport.Conn) {
	k.Helper()
	for _, c := range conns {
		if n := c.Dropped(); n > 0 {
			k.Errorf("%d frames were dropped", n)
		}
	}
}

// until calls f, ever again, until it returns true.
func (k *kit) until(what string, f func() bool) {
	k.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-tick.C:
		case <-k.ctx.Done():
			k.Fatalf("after %s: not %s", patience, what)
		}
	}
}

// ended waits for a call that runs on a goroutine of its own.
func (k *kit) ended(what string, result <-chan error) error {
	k.Helper()
	select {
	case err := <-result:
		return err
	case <-k.ctx.Done():
		k.Fatalf("%s did not return within %s", what, patience)
		return nil
	}
}

// frame makes frame i of a sender, of size bytes, from 8.
func frame(i, size int) []byte {
	f := make([]byte, size)
	fill(f, i)
	return f
}

// fill writes frame i into f: its number, and bytes that follow from it.
func fill(f []byte, i int) {
	var seed [32]byte
	binary.LittleEndian.PutUint64(seed[:], uint64(i))
	rand.NewChaCha8(seed).Read(f[8:])
	binary.LittleEndian.PutUint64(f, uint64(i))
}

func number(f []byte) int { return int(binary.LittleEndian.Uint64(f)) }

// intact reports whether f is a frame as fill makes them.
func intact(f []byte) bool { return len(f) >= 8 && bytes.Equal(f, frame(number(f), len(f))) }

// stuff sends frames 0, 1, ... of size bytes until Send blocks, or n were sent. It
// returns how many were taken, and whether the next one blocked.
func (k *kit) stuff(c transport.Conn, to string, lane transport.Lane, n, size int) (taken int, blocked bool) {
	k.Helper()
	for taken < n {
		ctx, cancel := context.WithTimeout(k.ctx, impatience)
		err := c.Send(ctx, to, lane, frame(taken, size))
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			return taken, true
		}
		if err != nil {
			k.Fatalf("Send: %v", err)
		}
		taken++
	}
	return taken, false
}

// drain receives frames from..to-1, in order, but for one that may be missing.
func (k *kit) drain(c transport.Conn, lane transport.Lane, from, to, but int) {
	k.Helper()
	for want := from; want < to; want++ {
		f := k.recv(c, lane)
		if want == but && number(f) == but+1 {
			want++
		}
		if !intact(f) || number(f) != want {
			k.Fatalf("frame %d of %d bytes came, not %d, or not whole", number(f), len(f), want)
		}
	}
}

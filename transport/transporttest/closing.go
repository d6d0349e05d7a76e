package transporttest

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/waterspout/waterspout/transport"
)

// testNames: what would reach other subjects, or none, is refused.
func testNames(t *testing.T, k *kit) {
	a := k.open("c", "A_z-09")
	for _, name := range []string{"", "a.b", "*", ">", "a b", "a\r\nb", "ä", strings.Repeat("x", 129)} {
		if c, err := k.net.Open(k.ctx, "c", name); err == nil {
			c.Close()
			t.Errorf("Open takes worker %q", name)
		}
		if c, err := k.net.Open(k.ctx, name, "a"); err == nil {
			c.Close()
			t.Errorf("Open takes cluster %q", name)
		}
		if a.Send(k.ctx, name, transport.Data, nil) == nil {
			t.Errorf("Send takes worker %q", name)
		}
		if _, err := a.Store(k.ctx, name); err == nil {
			t.Errorf("Store takes name %q", name)
		}
	}
}

// testSameName: a name is free again after Close. While two Conns have it, which a
// net may refuse, the first one still gets its frames.
func testSameName(t *testing.T, k *kit) {
	a, b := k.pair()
	second, err := k.net.Open(k.ctx, "c", "b")
	if err == nil {
		defer second.Close()
	}
	for i := range 100 {
		k.send(a, "b", transport.Data, frame(i, 100))
		k.drain(b, transport.Data, i, i+1, -1)
	}
	if err := b.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	again := k.open("c", "b")
	k.send(a, "b", transport.Data, []byte("new"))
	if got := k.recv(again, transport.Data); string(got) != "new" {
		t.Errorf("%q came", got)
	}
}

// testPeerGone: frames to a worker that is not there are lost, at once.
func testPeerGone(t *testing.T, k *kit) {
	a, b := k.pair()
	if err := b.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	big := make([]byte, 3<<20)
	for _, to := range []string{"b", "nobody"} {
		for lane := range transport.Lanes {
			for i := range 500 {
				k.send(a, to, lane, frame(i, 1000))
			}
			k.send(a, to, lane, big)
		}
	}
	k.undropped(a)
}

// testPeerCloses: a Send that waits for a worker to read returns when that worker
// leaves.
func testPeerCloses(t *testing.T, k *kit) {
	a, b := k.pair()
	k.stuff(a, "b", transport.Data, 300, 16<<10)
	result := make(chan error, 1)
	go func() { result <- a.Send(k.ctx, "b", transport.Data, frame(0, 16<<10)) }()
	if err := b.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	if err := k.ended("Send", result); err != nil {
		t.Errorf("Send to a worker that left: %v", err)
	}
}

func testCloseSend(t *testing.T, k *kit) {
	a, _ := k.pair()
	_, blocked := k.stuff(a, "b", transport.Data, 300, 16<<10)
	result := make(chan error, 1)
	go func() { result <- a.Send(k.ctx, "b", transport.Data, frame(0, 16<<10)) }()
	if err := a.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	err := k.ended("Send", result)
	if !errors.Is(err, transport.ErrClosed) && (blocked || err != nil) {
		t.Errorf("a Send that blocked returned %v", err)
	}
	if err := a.Send(k.ctx, "b", transport.Data, nil); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Send after Close returned %v", err)
	}
	if err := a.Close(); err != nil {
		t.Errorf("second Close: %v", err)
	}
}

func testCloseRecv(t *testing.T, k *kit) {
	a := k.open("c", "a")
	results := make(chan error, transport.Lanes)
	for lane := range transport.Lanes {
		go func() {
			_, err := a.Recv(k.ctx, lane)
			results <- err
		}()
	}
	if err := a.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
	for range transport.Lanes {
		if err := k.ended("Recv", results); !errors.Is(err, transport.ErrClosed) {
			t.Errorf("Recv returned %v", err)
		}
	}
	if _, err := a.Recv(k.ctx, transport.Data); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Recv after Close returned %v", err)
	}
}

func testContext(t *testing.T, k *kit) {
	a, _ := k.pair()
	ctx, cancel := context.WithCancel(k.ctx)
	result := make(chan error, 1)
	go func() {
		_, err := a.Recv(ctx, transport.Data)
		result <- err
	}()
	cancel()
	if err := k.ended("Recv", result); !errors.Is(err, context.Canceled) {
		t.Errorf("Recv returned %v", err)
	}
	if err := a.Send(ctx, "b", transport.Data, nil); !errors.Is(err, context.Canceled) {
		t.Errorf("Send returned %v", err)
	}
	if c, err := k.net.Open(ctx, "c", "x"); err == nil {
		c.Close()
		t.Error("Open did not look at its context")
	}
	if _, err := a.Store(ctx, "s"); !errors.Is(err, context.Canceled) {
		t.Errorf("Store returned %v", err)
	}
	s := k.store(a, "s")
	if _, err := s.Get(ctx, "k"); !errors.Is(err, context.Canceled) {
		t.Errorf("Get returned %v", err)
	}
	if _, err := s.Put(ctx, "k", nil, 0); !errors.Is(err, context.Canceled) {
		t.Errorf("Put returned %v", err)
	}
	if _, err := s.Watch(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Watch returned %v", err)
	}
	k.send(a, "b", transport.Data, nil)
}

// resumes sends from a to b until a frame arrives: those on their way may be lost.
func (k *kit) resumes(a, b transport.Conn, lane transport.Lane) {
	k.Helper()
	ctx, cancel := context.WithCancel(k.ctx)
	result := make(chan error, 1)
	go func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			if err := a.Send(ctx, "b", lane, []byte("again")); err != nil {
				result <- err
				return
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				result <- ctx.Err()
				return
			}
		}
	}()
	for string(k.recv(b, lane)) != "again" { // what was sent before
		continue
	}
	cancel()
	if err := k.ended("Send", result); !errors.Is(err, context.Canceled) {
		k.Errorf("Send: %v", err)
	}
}

// testDown: while the net is away Send blocks until its context ends, and goes on
// when it is back.
func testDown(t *testing.T, k *kit) {
	net, ok := k.net.(Downer)
	if !ok {
		t.Skip("not a Downer")
	}
	a, b := k.pair()
	k.send(a, "b", transport.Data, []byte("first"))
	k.recv(b, transport.Data)
	net.Down()
	for lane := range transport.Lanes {
		k.until("blocked", func() bool {
			ctx, cancel := context.WithTimeout(k.ctx, impatience)
			defer cancel()
			return errors.Is(a.Send(ctx, "b", lane, []byte("lost")), context.DeadlineExceeded)
		})
	}
	ctx, cancel := context.WithTimeout(k.ctx, impatience)
	defer cancel()
	if c, err := k.net.Open(ctx, "c", "late"); err == nil {
		c.Close()
		t.Error("Open without a net")
	}
	waiting := make(chan error, 1)
	go func() { waiting <- a.Send(k.ctx, "b", transport.Data, []byte("waits")) }()
	net.Up()
	if err := k.ended("Send", waiting); err != nil {
		t.Errorf("a Send that waited: %v", err)
	}
	for lane := range transport.Lanes {
		k.resumes(a, b, lane)
	}
	net.Down()
	closed := make(chan error, 1)
	go func() {
		for a.Send(k.ctx, "b", transport.Data, []byte("x")) == nil {
			continue
		}
		closed <- a.Send(k.ctx, "b", transport.Data, []byte("x"))
	}()
	if err := a.Close(); err != nil {
		t.Errorf("Close without a net: %v", err)
	}
	if err := k.ended("Send", closed); !errors.Is(err, transport.ErrClosed) {
		t.Errorf("Send returned %v", err)
	}
}

// testCut: a worker whose packets go nowhere holds up nobody, and is there again
// when it is healed.
func testCut(t *testing.T, k *kit) {
	net, ok := k.net.(Cutter)
	if !ok {
		t.Skip("not a Cutter")
	}
	a, b := k.pair()
	c := k.open("c", "c")
	k.send(a, "b", transport.Data, []byte("first"))
	k.recv(b, transport.Data)
	net.Cut("b")
	for i := range 500 {
		k.send(a, "b", transport.Data, frame(i, 1000))
		k.send(a, "c", transport.Data, frame(i, 1000))
		k.drain(c, transport.Data, i, i+1, -1)
	}
	k.until("blocked", func() bool {
		ctx, cancel := context.WithTimeout(k.ctx, impatience)
		defer cancel()
		return errors.Is(b.Send(ctx, "a", transport.Control, []byte("lost")), context.DeadlineExceeded)
	})
	net.Heal("b")
	for lane := range transport.Lanes {
		k.resumes(a, b, lane)
	}
}

package natsnet

import (
	"context"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waterspout/waterspout/transport"
	"github.com/waterspout/waterspout/transport/natsserver"
	"github.com/waterspout/waterspout/transport/transporttest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A rig is a Net whose server can be stopped and wiped, and whose workers can be cut
// off.
type rig struct {
	Net
	t      *testing.T
	dir    string
	server *natsserver.Server

	mu      sync.Mutex
	proxies map[string]*proxy
}

func newRig(t *testing.T) *rig {
	t.Helper()
	r := &rig{t: t, dir: filepath.Join(t.TempDir(), "nats"), proxies: map[string]*proxy{}}
	r.start("127.0.0.1:0")
	r.Net = Net{URL: r.server.URL(), Log: slog.New(slog.DiscardHandler), ping: 300 * time.Millisecond}
	t.Cleanup(func() {
		r.server.Close()
		for _, p := range r.proxies {
			p.close()
		}
	})
	return r
}

func (r *rig) start(addr string) {
	s, err := natsserver.Start(natsserver.Options{Addr: addr, Dir: r.dir})
	if err != nil {
		r.t.Fatal(err)
	}
	r.server = s
}

func (r *rig) Down() { r.server.Close() }
func (r *rig) Up()   { r.start(r.server.Addr()) }

func (r *rig) Wipe() {
	r.Down()
	if err := os.RemoveAll(r.dir); err != nil {
		r.t.Fatal(err)
	}
	r.Up()
}

// Open goes through a proxy of the worker's own.
func (r *rig) Open(ctx context.Context, cluster, worker string) (transport.Conn, error) {
	n := r.Net
	if transport.CheckName(worker) == nil {
		n.URL = "nats://" + r.proxy(worker).addr()
	}
	return n.Open(ctx, cluster, worker)
}

func (r *rig) Cut(worker string)  { r.proxy(worker).freeze(true) }
func (r *rig) Heal(worker string) { r.proxy(worker).freeze(false) }

func (r *rig) proxy(worker string) *proxy {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.proxies[worker] == nil {
		r.proxies[worker] = newProxy(r.t, r.server.Addr())
	}
	return r.proxies[worker]
}

func TestSuite(t *testing.T) {
	transporttest.Run(t, func(t *testing.T) transport.Net {
		r := newRig(t)
		if !strings.HasSuffix(t.Name(), "/Cut") { // the others find no dead connection, however slow this machine is
			r.ping = 0
		}
		return r
	})
}

// A proxy forwards connections to a server. While it is frozen nothing passes it,
// and nobody is told.
type proxy struct {
	listener net.Listener
	to       string
	group    sync.WaitGroup

	mu     sync.Mutex // guards below
	thaw   sync.Cond
	frozen bool
	muted  bool
	closed bool
	conns  map[net.Conn]bool
}

func newProxy(t *testing.T, to string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{listener: l, to: to, conns: map[net.Conn]bool{}}
	p.thaw.L = &p.mu
	p.group.Go(p.accept)
	return p
}

func (p *proxy) addr() string { return p.listener.Addr().String() }

func (p *proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.group.Go(func() { p.forward(c) })
	}
}

func (p *proxy) forward(c net.Conn) {
	defer c.Close()
	if !p.hold(c) || !p.pass() {
		return
	}
	s, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer s.Close()
	if !p.hold(s) {
		return
	}
	var group sync.WaitGroup
	group.Go(func() { p.copy(s, c, false) })
	p.copy(c, s, true)
	group.Wait()
}

// copy closes both ends when one is closed.
func (p *proxy) copy(dst, src net.Conn, answers bool) {
	defer dst.Close()
	defer src.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := src.Read(buf)
		if err != nil || !p.pass() || answers && !p.answer() {
			return
		}
		if _, err := dst.Write(buf[:n]); err != nil {
			return
		}
	}
}

// pass waits while the proxy is frozen, and reports false when it is closed.
func (p *proxy) pass() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.frozen && !p.closed {
		p.thaw.Wait()
	}
	return !p.closed
}

// answer waits while the server's answers are lost.
func (p *proxy) answer() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.muted && !p.closed {
		p.thaw.Wait()
	}
	return !p.closed
}

// mute holds up what the server says, and nothing else.
func (p *proxy) mute(muted bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.muted = muted
	p.thaw.Broadcast()
}

func (p *proxy) hold(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = true
	return !p.closed
}

func (p *proxy) freeze(frozen bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.frozen = frozen
	p.thaw.Broadcast()
}

func (p *proxy) close() {
	p.listener.Close()
	p.mu.Lock()
	p.closed = true
	p.thaw.Broadcast()
	for c := range p.conns {
		c.Close()
	}
	p.mu.Unlock()
	p.group.Wait()
}

package faults

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"strings"
	"sync"
	"time"
)

// A Proxy stands between one worker and NATS, and lets everything pass until it is
// told otherwise. What it is told counts for the connections that are open and for
// those to come. Its methods may be called from any goroutine.
type Proxy struct {
	listener net.Listener
	upstream string // host:port
	seed     uint64
	running  sync.WaitGroup

	mu     sync.Mutex // guards the rest
	rules  []Rule
	links  [directions]link
	conns  map[*connection]bool
	opened uint64
	counts Counts
	closed bool
}

// A link is one direction of the wire that a proxy stands for.
type link struct {
	stopped bool
	rate    int // bytes/s; 0 is without limit
	free    time.Time
	base    time.Duration
	jitter  time.Duration
}

// A connection is one of the worker's, and the one to NATS that belongs to it.
type connection struct {
	worker, nats net.Conn
	pipes        [directions]*pipe
	gone         chan struct{}
	once         sync.Once
}

// cut ends a connection at both ends, with a reset.
func (c *connection) cut() {
	c.once.Do(func() {
		close(c.gone)
		for _, end := range []net.Conn{c.worker, c.nats} {
			_ = end.(*net.TCPConn).SetLinger(0)
			_ = end.Close() // a reset has nothing left to say
		}
	})
}

// NewProxy listens on a free port of the loopback interface. upstream is the URL of
// NATS. The same seed draws the same frames, as far as connections and frames come in
// the same order.
func NewProxy(upstream string, seed uint64) (*Proxy, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("faults: proxy: %w", err)
	}
	p := &Proxy{
		listener: l, upstream: strings.TrimPrefix(upstream, "nats://"), seed: seed,
		conns: map[*connection]bool{}, counts: Counts{Clusters: map[string]int{}},
	}
	p.running.Go(p.accept)
	return p, nil
}

// URL is where the worker finds NATS.
func (p *Proxy) URL() string { return "nats://" + p.listener.Addr().String() }

// Rules replaces the rules.
func (p *Proxy) Rules(rules ...Rule) { p.set(func() { p.rules = rules }) }

// Stop stops the flow in the given directions, with connections left open; or starts
// it again. What was sent meanwhile is delivered then.
func (p *Proxy) Stop(on bool, ways ...Direction) {
	p.set(func() {
		for _, way := range ways {
			p.links[way].stopped = on
		}
	})
}

// Limit makes each direction carry so many bytes a second; 0 is without limit.
func (p *Proxy) Limit(rate int) {
	p.set(func() {
		for way := range p.links {
			p.links[way].rate = rate
		}
	})
}

// Latency makes everything take base and up to jitter longer, in each direction. The
// order stays.
func (p *Proxy) Latency(base, jitter time.Duration) {
	p.set(func() {
		for way := range p.links {
			p.links[way].base, p.links[way].jitter = base, jitter
		}
	})
}

// Cut resets all connections that are open.
func (p *Proxy) Cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for c := range p.conns {
		c.cut()
	}
}

// Counts is what happened so far.
func (p *Proxy) Counts() Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := p.counts
	c.Clusters = maps.Clone(c.Clusters)
	return c
}

// Close cuts everything, and waits for the proxy's goroutines.
func (p *Proxy) Close() {
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	_ = p.listener.Close() // nothing is lost with it
	p.Cut()
	p.running.Wait()
}

func (p *Proxy) set(change func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	change()
	for c := range p.conns {
		for _, pipe := range c.pipes {
			knock(pipe.wake)
			knock(pipe.room)
		}
	}
}

func (p *Proxy) accept() {
	for {
		worker, err := p.listener.Accept()
		if err != nil {
			return // closed
		}
		p.running.Go(func() { p.serve(worker) })
	}
}

// serve keeps one connection until both directions have ended.
func (p *Proxy) serve(worker net.Conn) {
	nats, err := net.Dial("tcp", p.upstream)
	if err != nil {
		_ = worker.Close() // as if nobody listened
		return
	}
	c := &connection{worker: worker, nats: nats, gone: make(chan struct{})}
	defer c.cut()
	if !p.join(c) {
		return
	}
	var both sync.WaitGroup
	for _, pipe := range c.pipes {
		both.Go(pipe.read)
		both.Go(pipe.write)
	}
	both.Wait()
	p.mu.Lock()
	delete(p.conns, c)
	p.mu.Unlock()
}

func (p *Proxy) join(c *connection) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	ends := [directions][2]net.Conn{Up: {c.worker, c.nats}, Down: {c.nats, c.worker}}
	for way := range directions {
		p.opened++
		c.pipes[way] = &pipe{
			proxy: p, way: way, from: ends[way][0], to: ends[way][1],
			dice: rand.New(rand.NewPCG(p.seed, p.opened)),
			wake: make(chan struct{}, 1), room: make(chan struct{}, 1), gone: c.gone, cut: c.cut,
		}
	}
	p.conns[c] = true
	return true
}

// What follows is called by the pipes.

func (p *Proxy) judge(way Direction, m message, dice *rand.Rand) []passage {
	p.mu.Lock()
	defer p.mu.Unlock()
	return apply(p.rules, way, m, dice, &p.counts)
}

func (p *Proxy) latency(way Direction, dice *rand.Rand) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := &p.links[way]
	if l.jitter == 0 {
		return l.base
	}
	return l.base + time.Duration(dice.Int64N(int64(l.jitter)))
}

// capacity is how many bytes may be on their way: half a second of a slow link.
func (p *Proxy) capacity(way Direction) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if rate := p.links[way].rate; rate > 0 {
		return rate / 2
	}
	return 4 << 20
}

func (p *Proxy) stopped(way Direction) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.links[way].stopped
}

// reserve says when n more bytes are through. All connections share the link.
func (p *Proxy) reserve(way Direction, n int) (wait time.Duration, limited bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l := &p.links[way]
	if l.rate == 0 {
		return 0, false
	}
	now := time.Now()
	if l.free.Before(now) {
		l.free = now
	}
	l.free = l.free.Add(time.Duration(n) * time.Second / time.Duration(l.rate))
	return l.free.Sub(now), true
}

package faults

import (
	"bufio"
	"container/heap"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// A pipe is one direction of one connection through a proxy. One goroutine reads,
// one writes; the proxy waits for both.
type pipe struct {
	proxy    *Proxy
	way      Direction
	from, to net.Conn
	dice     *rand.Rand // the reader's

	wake chan struct{} // the writer should look again; room for one
	room chan struct{} // so should the reader
	gone chan struct{} // closed when the connection is cut
	cut  func()

	mu     sync.Mutex // guards the rest
	queue  queue
	bytes  int
	number uint64
	last   time.Time // when the last one that keeps its place is due
}

// A queued is bytes that wait to be written; none is the end of the stream.
type queued struct {
	due    time.Time
	number uint64
	bytes  []byte
}

type queue []queued

func (q queue) Len() int { return len(q) }
func (q queue) Less(i, j int) bool {
	if q[i].due.Equal(q[j].due) {
		return q[i].number < q[j].number
	}
	return q[i].due.Before(q[j].due)
}
func (q queue) Swap(i, j int) { q[i], q[j] = q[j], q[i] }
func (q *queue) Push(v any)   { *q = append(*q, v.(queued)) }
func (q *queue) Pop() any {
	old := *q
	v := old[len(old)-1]
	*q = old[:len(old)-1]
	return v
}

// read takes messages from one end until that ends.
func (p *pipe) read() {
	r := bufio.NewReaderSize(p.from, 64<<10)
	for {
		m, err := readMessage(r)
		if err != nil {
			p.put(passage{}, nil)
			return
		}
		for _, passage := range p.proxy.judge(p.way, m, p.dice) {
			p.put(passage, passage.encode())
		}
		if !p.hold() {
			return
		}
	}
}

// put has bytes written when it is their turn.
func (p *pipe) put(c passage, bytes []byte) {
	due := time.Now().Add(p.proxy.latency(p.way, p.dice))
	p.mu.Lock()
	if c.late {
		due = due.Add(c.extra)
	} else {
		if due.Before(p.last) {
			due = p.last
		}
		p.last = due
	}
	p.number++
	p.bytes += len(bytes)
	heap.Push(&p.queue, queued{due, p.number, bytes})
	p.mu.Unlock()
	knock(p.wake)
}

// hold waits until there is room for more, and reports false when there will be none.
func (p *pipe) hold() bool {
	for {
		p.mu.Lock()
		full := p.bytes > p.proxy.capacity(p.way)
		p.mu.Unlock()
		if !full {
			return true
		}
		select {
		case <-p.room:
		case <-p.gone:
			return false
		}
	}
}

// write writes what is due until the end of the stream.
func (p *pipe) write() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		bytes, wait := p.next(time.Now())
		if wait > 0 {
			timer.Reset(wait)
			select {
			case <-p.wake:
			case <-timer.C:
			case <-p.gone:
				return
			}
			continue
		}
		if bytes == nil {
			_ = p.to.(*net.TCPConn).CloseWrite() // who reads it will see
			return
		}
		if !p.send(bytes) {
			p.cut() // there is nobody to write to: the other direction ends as well
			return
		}
		knock(p.room)
	}
}

const forever = time.Hour

// next is what is due now, or how long to wait before asking again.
func (p *pipe) next(now time.Time) (bytes []byte, wait time.Duration) {
	if p.proxy.stopped(p.way) {
		return nil, forever
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.queue) == 0 {
		return nil, forever
	}
	if wait := p.queue[0].due.Sub(now); wait > 0 {
		return nil, wait
	}
	q := heap.Pop(&p.queue).(queued)
	p.bytes -= len(q.bytes)
	return q.bytes, 0
}

// send writes bytes at the speed of the link.
func (p *pipe) send(bytes []byte) bool {
	const packet = 4 << 10
	for len(bytes) > 0 {
		n := len(bytes)
		if wait, limited := p.proxy.reserve(p.way, min(n, packet)); limited {
			n = min(n, packet)
			select {
			case <-time.After(wait):
			case <-p.gone:
				return false
			}
		}
		if _, err := p.to.Write(bytes[:n]); err != nil {
			return false
		}
		bytes = bytes[n:]
	}
	return true
}

func knock(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

package natsnet

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/waterspout/waterspout/transport"
)

// partHeader is in messages that are parts of a frame. Its value is who sent it, the
// number of the frame among those that were cut, where in it the part begins, and
// how long it is: "dFa8aKqHyZIf8gTGcBDsjz 3 1048320 2097152".
const partHeader = "Waterspout-Part"

// headerRoom is what a part leaves for its header.
const headerRoom = 256

// sendParts sends payload in messages of at most limit bytes. Frames of one wire go
// one after the other.
func (c *conn) sendParts(ctx context.Context, w *wire, subject string, payload []byte, limit int) error {
	size := limit - headerRoom
	if size <= 0 {
		return fmt.Errorf("natsnet: the server at %s takes messages of %d bytes: raise its max_payload", c.servers, limit)
	}
	select {
	case w.sending <- struct{}{}:
		defer func() { <-w.sending }()
	case <-c.ctx.Done():
		return transport.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	w.frames++
	for at := 0; at < len(payload); at += size {
		m := nats.NewMsg(subject)
		m.Header[partHeader] = []string{fmt.Sprint(c.sender, " ", w.frames, " ", at, " ", len(payload))}
		m.Data = payload[at:min(at+size, len(payload))]
		if err := c.publish(ctx, w, m); err != nil {
			return err
		}
	}
	return nil
}

// A part is a piece of a frame.
type part struct {
	sender    string
	frame     uint64
	at, total int
	data      []byte
}

// readPart reads a message that has a header. Anyone may have sent it.
func readPart(m *nats.Msg) (p part, ok bool) {
	fields := strings.Fields(m.Header.Get(partHeader))
	if len(fields) != 4 || len(fields[0]) > 64 {
		return p, false
	}
	frame, err1 := strconv.ParseUint(fields[1], 10, 64)
	at, err2 := strconv.Atoi(fields[2])
	total, err3 := strconv.Atoi(fields[3])
	p = part{sender: fields[0], frame: frame, at: at, total: total, data: m.Data}
	return p, err1 == nil && err2 == nil && err3 == nil &&
		len(p.data) > 0 && at >= 0 && total <= transport.MaxFrame && at <= total-len(p.data)
}

// What a joiner holds at most, of frames that are not whole. Beyond it the frame
// that waited longest for its next part is given up.
const (
	maxHeld    = 2 * transport.MaxFrame
	maxSenders = 256
)

// A joiner puts parts together. A frame of which a part is missing, or comes out of
// order, is lost. It has no lock.
type joiner struct {
	open map[string]*partial // by sender
	held int                 // bytes in open
	tick uint64
}

// A partial is a frame of which the beginning is there.
type partial struct {
	frame uint64
	buf   []byte
	tick  uint64 // of its last part
}

func newJoiner() joiner { return joiner{open: map[string]*partial{}} }

// join takes a message with a header, and returns the frame that it makes whole. One
// that is no part is of somebody else. It is returned as it is: who receives it counts
// what is no frame.
func (j *joiner) join(m *nats.Msg) (frame []byte, whole bool) {
	p, ok := readPart(m)
	if !ok {
		return m.Data, true
	}
	f := j.open[p.sender]
	if p.at == 0 {
		j.drop(p.sender)
		f = &partial{frame: p.frame}
		j.open[p.sender] = f
	}
	if f == nil || f.frame != p.frame || len(f.buf) != p.at {
		j.drop(p.sender)
		return nil, false
	}
	// It grows by what has come, whatever the header promises.
	f.buf = append(f.buf, p.data...)
	j.held += len(p.data)
	j.tick++
	f.tick = j.tick
	if len(f.buf) == p.total {
		j.drop(p.sender)
		return f.buf, true
	}
	for j.held > maxHeld || len(j.open) > maxSenders {
		j.drop(j.oldest())
	}
	return nil, false
}

func (j *joiner) drop(sender string) {
	if f := j.open[sender]; f != nil {
		j.held -= len(f.buf)
		delete(j.open, sender)
	}
}

func (j *joiner) oldest() (sender string) {
	var first *partial
	for s, f := range j.open {
		if first == nil || f.tick < first.tick {
			sender, first = s, f
		}
	}
	return sender
}

package faults_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/waterspout/waterspout/internal/faults"
	"github.com/waterspout/waterspout/internal/frame"
	"github.com/waterspout/waterspout/transport/natsserver"
)

// A line is a sender and a receiver on one NATS, each behind a proxy of its own.
type line struct {
	t        *testing.T
	up, down *faults.Proxy
	from     *nats.Conn
	to       *nats.Subscription
}

const subject = "waterspout.tweets-1.w-1.data"

func newLine(t *testing.T) *line {
	t.Helper()
	server, err := natsserver.Start(natsserver.Options{NoJetStream: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	l := &line{t: t}
	connect := func(p **faults.Proxy) *nats.Conn {
		if *p, err = faults.NewProxy(server.URL(), 1); err != nil {
			t.Fatal(err)
		}
		t.Cleanup((*p).Close)
		nc, err := nats.Connect((*p).URL(), nats.NoReconnect())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(nc.Close)
		return nc
	}
	l.from = connect(&l.up)
	to := connect(&l.down)
	if l.to, err = to.SubscribeSync(subject); err != nil {
		t.Fatal(err)
	}
	if err := to.Flush(); err != nil {
		t.Fatal(err)
	}
	return l
}

// data is a frame of that kind whose body is a number and some filling.
func data(kind frame.Kind, n, filling int) []byte {
	f := frame.Begin(nil, "w-0")
	f = binary.LittleEndian.AppendUint32(f, uint32(n))
	f = append(f, bytes.Repeat([]byte("x"), filling)...)
	frame.Seal(f, frame.Header{Kind: kind, Sequence: uint64(n)})
	return f
}

// send sends n frames of a kind, and an end, after they have come if they may be late.
func (l *line) send(kind frame.Kind, n, filling int, late bool) {
	l.t.Helper()
	for i := range n {
		if err := l.from.Publish(subject, data(kind, i, filling)); err != nil {
			l.t.Fatal(err)
		}
	}
	if late { // the end would overtake them
		await(l.t, func() bool { waiting, _, _ := l.to.Pending(); return waiting >= n })
	}
	if err := l.from.Publish(subject, []byte("end")); err != nil {
		l.t.Fatal(err)
	}
}

// receive is the numbers of the frames that came up to the end, and how many were
// broken.
func (l *line) receive() (numbers []int, broken int) {
	l.t.Helper()
	for {
		m, err := l.to.NextMsg(10 * time.Second)
		if err != nil {
			l.t.Fatalf("after %d: %v", len(numbers), err)
		}
		if string(m.Data) == "end" {
			return numbers, broken
		}
		if h, _, _, err := frame.Open(m.Data); err == nil {
			numbers = append(numbers, int(h.Sequence))
		} else {
			broken++
		}
	}
}

func TestProxyPassesEverything(t *testing.T) {
	l := newLine(t)
	l.send(frame.Data, 1000, 10_000, false)
	if got, broken := l.receive(); len(got) != 1000 || broken > 0 || !slices.IsSorted(got) {
		t.Errorf("%d frames, %d broken", len(got), broken)
	}
	header := nats.NewMsg(subject)
	header.Header.Set("A", "b")
	header.Data = data(frame.Data, 1, 10)
	if err := l.from.PublishMsg(header); err != nil {
		t.Fatal(err)
	}
	if m, err := l.to.NextMsg(10 * time.Second); err != nil || m.Header.Get("A") != "b" || !bytes.Equal(m.Data, header.Data) {
		t.Errorf("a message with a header: %v, %v", m, err)
	}
	if c := l.up.Counts(); c.Frames != 1000 { // neither the end nor what has a header
		t.Errorf("%d frames were seen", c.Frames)
	}
}

func TestRules(t *testing.T) {
	const n = 2000
	for _, test := range []struct {
		rule        faults.Rule
		kind        frame.Kind
		least, most int // frames that arrive whole
		broken      bool
		sorted      bool
	}{
		{rule: faults.Rule{Action: faults.Drop, Share: .1}, kind: frame.Data, least: 1700, most: 1900, sorted: true},
		{rule: faults.Rule{Action: faults.Drop, Share: .1, Kinds: []frame.Kind{frame.Acks}}, kind: frame.Data, least: n, most: n, sorted: true},
		{rule: faults.Rule{Action: faults.Drop, Share: .1, Kinds: []frame.Kind{frame.Acks, frame.Data}}, kind: frame.Acks, least: 1700, most: 1900, sorted: true},
		{rule: faults.Rule{Action: faults.Double, Share: .1}, kind: frame.Data, least: 2100, most: 2300, sorted: true},
		{rule: faults.Rule{Action: faults.Delay, Share: .1, Within: 50 * time.Millisecond}, kind: frame.Data, least: n, most: n},
		{rule: faults.Rule{Action: faults.Corrupt, Share: .1}, kind: frame.Data, least: 1700, most: 1900, broken: true, sorted: true},
		{rule: faults.Rule{Action: faults.Truncate, Share: .1}, kind: frame.Data, least: 1700, most: 1900, broken: true, sorted: true},
	} {
		t.Run(fmt.Sprint(test.rule), func(t *testing.T) {
			l := newLine(t)
			up, down := test.rule, test.rule
			down.Direction = faults.Down
			l.up.Rules(up)
			l.send(test.kind, n, 20, !test.sorted)
			got, broken := l.receive()
			if len(got) < test.least || len(got) > test.most || slices.IsSorted(got) != test.sorted {
				t.Errorf("%d frames, sorted %v", len(got), slices.IsSorted(got))
			}
			if suffered := l.up.Counts().Suffered[test.rule.Action]; test.broken && broken != suffered || !test.broken && broken > 0 {
				t.Errorf("%d are broken of %d", broken, suffered)
			}
			l.up.Rules()
			l.down.Rules(up, down)
			l.send(test.kind, n, 20, !test.sorted)
			if got, _ := l.receive(); len(got) < test.least || len(got) > test.most {
				t.Errorf("%d frames, when they suffer on their way down", len(got))
			}
		})
	}
}

func TestStopHoldsWhatWasSent(t *testing.T) {
	l := newLine(t)
	l.up.Stop(true, faults.Up)
	l.send(frame.Data, 10, 10, false)
	if m, err := l.to.NextMsg(50 * time.Millisecond); err == nil {
		t.Errorf("%s came through", m.Data)
	}
	if l.up.Stop(false, faults.Up); !l.from.IsConnected() {
		t.Error("the connection is gone")
	}
	if got, _ := l.receive(); len(got) != 10 {
		t.Errorf("%v came after the stop", got)
	}
}

func TestLimitAndLatency(t *testing.T) {
	l := newLine(t)
	l.up.Limit(100_000)
	start := time.Now()
	l.send(frame.Data, 50, 1000, false)
	if got, _ := l.receive(); len(got) != 50 || time.Since(start) < 500*time.Millisecond {
		t.Errorf("%d frames of a kilobyte in %v at 100 kB/s", len(got), time.Since(start))
	}
	l.up.Limit(0)
	l.up.Latency(100*time.Millisecond, 50*time.Millisecond)
	start = time.Now()
	l.send(frame.Data, 50, 1000, false)
	if got, _ := l.receive(); !slices.IsSorted(got) || len(got) != 50 || time.Since(start) < 100*time.Millisecond {
		t.Errorf("frames %v after %v", got, time.Since(start))
	}
}

func TestCut(t *testing.T) {
	l := newLine(t)
	l.up.Cut()
	await(t, l.from.IsClosed)
	again, err := nats.Connect(l.up.URL())
	if err != nil {
		t.Fatal(err)
	}
	again.Close()
}

// await waits until something holds.
func await(t *testing.T, holds func() bool) {
	t.Helper()
	again := time.NewTicker(2 * time.Millisecond)
	defer again.Stop()
	deadline := time.After(20 * time.Second)
	for !holds() {
		select {
		case <-again.C:
		case <-deadline:
			t.Fatal("it does not come")
		}
	}
}

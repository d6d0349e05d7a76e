package natsnet

import (
	"bytes"
	"fmt"
	"testing"

	"github.com/nats-io/nats.go"
	"pgregory.net/rapid"

	"github.com/waterspout/waterspout/transport"
)

func piece(sender string, frame, at, total int, data []byte) *nats.Msg {
	m := nats.NewMsg("s")
	m.Header.Set(partHeader, fmt.Sprint(sender, " ", frame, " ", at, " ", total))
	m.Data = data
	return m
}

// TestJoin loses, doubles and swaps parts of frames of several senders: what comes
// out was sent, in the order of each sender, and only frames whose parts all came in
// order.
func TestJoin(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		j := newJoiner()
		want := map[string][][]byte{} // by sender
		var stream []*nats.Msg
		senders := rapid.IntRange(1, 3).Draw(t, "senders")
		queues := make([][]*nats.Msg, senders)
		for s := range queues {
			name := fmt.Sprint("s", s)
			for f := range 4 {
				payload := bytes.Repeat([]byte{byte(16*s + f)}, rapid.IntRange(1, 20).Draw(t, "size"))
				size := rapid.IntRange(1, 8).Draw(t, "part")
				var parts []*nats.Msg
				for at := 0; at < len(payload); at += size {
					parts = append(parts, piece(name, f+1, at, len(payload), payload[at:min(at+size, len(payload))]))
				}
				whole := true
				switch i := rapid.IntRange(0, len(parts)-1).Draw(t, "victim"); rapid.IntRange(0, 3).Draw(t, "harm") {
				case 1:
					parts, whole = append(parts[:i:i], parts[i+1:]...), false
				case 2:
					if i > 0 {
						parts[i-1], parts[i], whole = parts[i], parts[i-1], false
					}
				}
				if whole {
					want[name] = append(want[name], payload)
				}
				queues[s] = append(queues[s], parts...)
			}
		}
		for left := true; left; {
			left = false
			for s := range queues {
				n := min(len(queues[s]), rapid.IntRange(0, 2).Draw(t, "n"))
				stream = append(stream, queues[s][:n]...)
				queues[s] = queues[s][n:]
				left = left || len(queues[s]) > 0
			}
		}
		got := map[string][][]byte{}
		for _, m := range stream {
			if frame, whole := j.join(m); whole {
				p, _ := readPart(m)
				got[p.sender] = append(got[p.sender], frame)
			}
		}
		if fmt.Sprint(got) != fmt.Sprint(want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

// TestJoinBounded: senders that never finish do not take more than the bound, and
// the one that goes on gets its frame through.
func TestJoinBounded(t *testing.T) {
	j := newJoiner()
	data := make([]byte, 1<<20)
	const n = 8
	for at := range n {
		if frame, whole := j.join(piece("good", 1, at<<20, n<<20, data)); whole != (at == n-1) || whole && len(frame) != n<<20 {
			t.Fatalf("part %d: whole %v", at, whole)
		}
		for i := range 40 {
			j.join(piece(fmt.Sprint("bad", at, i), 1, 0, transport.MaxFrame, data))
		}
		if j.held > maxHeld {
			t.Fatalf("%d bytes are held", j.held)
		}
	}
	for i := range 2 * maxSenders {
		j.join(piece(fmt.Sprint("many", i), 1, 0, 2, []byte{1}))
	}
	held := 0
	for _, f := range j.open {
		held += len(f.buf)
	}
	if len(j.open) > maxSenders || held != j.held {
		t.Errorf("%d senders, %d bytes counted as %d", len(j.open), held, j.held)
	}
}

// FuzzJoin: whatever a part says, it takes no more memory than it brings.
func FuzzJoin(f *testing.F) {
	f.Add("s 1 0 3", []byte("abc"), "s 1 0 4", []byte("ab"))
	f.Add("s 1 0 99999999999999999999", []byte("abc"), "", []byte(nil))
	f.Add("s 1 -1 3", []byte("abc"), "s 1 9223372036854775807 3", []byte("abc"))
	f.Add("s 1 0 67108865", []byte("abc"), "a b c d e", []byte("abc"))
	f.Fuzz(func(t *testing.T, header1 string, data1 []byte, header2 string, data2 []byte) {
		j := newJoiner()
		sum := 0
		for _, m := range []*nats.Msg{
			{Header: nats.Header{partHeader: {header1}}, Data: data1},
			{Header: nats.Header{partHeader: {header2}}, Data: data2},
			{Header: nats.Header{}, Data: data2},
		} {
			sum += len(m.Data)
			frame, whole := j.join(m)
			if whole && (len(frame) == 0 && len(m.Data) > 0 || len(frame) > sum) || j.held > sum || j.held < 0 {
				t.Fatalf("frame of %d, %d held, of %d", len(frame), j.held, sum)
			}
		}
	})
}

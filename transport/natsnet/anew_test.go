package natsnet

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/waterspout/waterspout/transport"
)

// TestAnewWhileWritten: keys that are only ever written, again and again. However often
// a watch begins anew, it tells of each of them before it says that it told all, and
// says of none that it was deleted.
func TestAnewWhileWritten(t *testing.T) {
	r := newRig(t)
	r.ping = 0 // it finds no dead connection, however slow this machine is
	a, b := r.conn("a"), r.conn("b")
	reader, writer := r.store(a), r.store(b)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var first, group sync.WaitGroup
	defer group.Wait()
	defer cancel()
	const keys, writers, rounds = 50, 10, 200
	first.Add(keys)
	for w := range writers {
		group.Go(func() {
			var revisions [keys]uint64
			for n := 0; ctx.Err() == nil; n++ {
				for i := w; i < keys; i += writers {
					now, err := writer.Put(ctx, fmt.Sprint("lease.", i), fmt.Append(nil, n), revisions[i])
					if err == nil {
						revisions[i] = now
					}
					if n == 0 {
						first.Done()
					}
				}
			}
		})
	}
	first.Wait()
	entries, err := reader.Watch(ctx)
	if err != nil {
		t.Fatal(err)
	}
	told := map[string]uint64{}
	for begun := 0; begun < rounds; {
		e, open := <-entries
		switch {
		case !open:
			t.Fatalf("the watch ends after %d beginnings", begun)
		case e.Key == "":
			if len(told) != keys {
				t.Errorf("beginning %d has %d keys of %d", begun, len(told), keys)
			}
			begun++
			clear(told)
			a.wires[stores].state.set(true) // as after a reconnect
		case e.Value == nil:
			t.Errorf("after %d beginnings %s was deleted, it says", begun, e.Key)
		case e.Revision < told[e.Key]:
			t.Errorf("%s at %d after %d", e.Key, e.Revision, told[e.Key])
		default:
			told[e.Key] = e.Revision
		}
	}
}

// TestUnseenAreAskedFor: a key that did not come when the consumer had sent all is told
// as it is; what came late of before is not told then, and what comes of later is.
func TestUnseenAreAskedFor(t *testing.T) {
	r := newRig(t)
	c := r.conn("a")
	s := r.store(c)
	revisions := map[string]uint64{}
	for _, key := range []string{"there", "deleted"} {
		now, err := s.Put(t.Context(), key, []byte("1"), 0)
		if err != nil {
			t.Fatal(err)
		}
		revisions[key] = now
	}
	if err := s.Delete(t.Context(), "deleted", revisions["deleted"]); err != nil {
		t.Fatal(err)
	}
	to := make(chan transport.Entry, 10)
	w := &round{watch: &watch{store: s, ctx: t.Context(), to: to, sent: map[string]bool{}}, open: s.current()}
	lost, lose := context.WithCancel(t.Context())
	w.changed = lost
	var err error
	if w.beginning, err = s.beginning(t.Context(), w.open); err != nil || len(w.unseen) != 2 {
		t.Fatalf("%v, %v", w.unseen, err)
	}
	for _, key := range []string{"there", "deleted", "vanished"} {
		w.sent[key] = true
	}
	if err := w.idle(); err != nil {
		t.Fatal(err)
	}
	got := map[string]uint64{}
	for len(to) > 0 {
		e := <-to
		got[e.Key] = e.Revision
	}
	if want := map[string]uint64{"there": revisions["there"], "deleted": 0, "vanished": 0, "": 0}; !maps.Equal(got, want) {
		t.Errorf("%v, not %v", got, want)
	}
	for n, seq := range []uint64{revisions["there"], revisions["there"] + 10} {
		m := &nats.Msg{Subject: s.prefix + "there", Data: []byte("2")}
		if err := w.entry(m, seq); err != nil || len(to) != n {
			t.Errorf("revision %d: %d entries, %v", seq, len(to), err)
		}
	}
	lose()
	if err := w.ask("there"); !errors.Is(err, errAnew) {
		t.Errorf("without a connection: %v", err)
	}
}

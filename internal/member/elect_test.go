package member_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/waterspout/waterspout/internal/member"
	"github.com/waterspout/waterspout/transport"
)

// TestElectsAgain: who could not take the lead, since the store failed once, tries again
// soon, and not only when the lease is renewed next.
func TestElectsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := newCluster(t)
		a := c.join("a", false)
		conn, store := c.store("b")
		defer conn.Close()
		b, err := member.Join(t.Context(), c.config("b", &ballot{spy: store}))
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		time.Sleep(5 * time.Second)
		sent := func() (at time.Time) { store.set(func() { at = store.sent }); return at }
		for last := sent(); sent() == last; { // until the next renewal is far away
			time.Sleep(10 * time.Millisecond)
		}
		a.leave()
		until(t, 500*time.Millisecond, "led by b", func() bool { return b.Document().Leader == b.ID() })
	})
}

// A ballot is a store that fails the first Put of a leader.
type ballot struct {
	*spy
	failed bool // of the member's goroutine
}

func (b *ballot) Put(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	if key == "leader" && !b.failed {
		b.failed = true
		return 0, errors.New("down")
	}
	return b.spy.Put(ctx, key, value, revision)
}

var _ transport.Store = (*ballot)(nil)

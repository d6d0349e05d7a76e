package worker

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/waterspout/waterspout/transport"
)

// kept is how many workers' reports a topology's store keeps, most of them of
// workers that have ended.
const kept = 100

// A reporter stores what a worker counted, for all to read. Its goroutine is owned
// by stop. A store that is away costs reports, and nothing else.
type reporter struct {
	store transport.Store
	key   string
	made  func() []byte
	alive func(ctx context.Context, fingerprint string) (ids []string, err error)
	quit  context.CancelFunc
	cut   context.CancelFunc // of the report that is being stored
	group sync.WaitGroup

	last     []byte // as it was stored, at that revision; of the goroutine
	revision uint64
}

func (r *reporter) open(ctx context.Context, s *session) (err error) {
	c := s.worker.config
	r.key = c.Fingerprint + "." + s.id
	r.made = func() []byte { return c.Report(s.id, s.site, s.counters()) }
	r.alive = func(ctx context.Context, fingerprint string) ([]string, error) {
		return alive(ctx, s.conn, Cluster(c.Topology, fingerprint))
	}
	r.store, err = s.conn.Store(ctx, reports(c.Topology))
	return err
}

func (r *reporter) start() {
	ctx, quit := context.WithCancel(context.Background())
	storing, cut := context.WithCancel(context.Background())
	r.quit, r.cut = quit, cut
	r.group.Go(func() {
		r.clear(ctx)
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for over := false; !over; {
			select {
			case <-ticker.C:
			case <-ctx.Done():
				over = true // once more: the last word counts
			}
			if report := r.made(); !bytes.Equal(report, r.last) {
				r.put(storing, report)
			}
		}
	})
}

// put stores a report, or leaves it to the next one. If the key is not as this worker
// left it, as far as it knows, then the answer to a report was lost, somebody removed
// that, or the store is another: it goes on from what is there.
func (r *reporter) put(ctx context.Context, report []byte) {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	next, err := r.store.Put(ctx, r.key, report, r.revision)
	if errors.Is(err, transport.ErrConflict) {
		var now transport.Entry
		if now, err = r.store.Get(ctx, r.key); err == nil {
			next, err = r.store.Put(ctx, r.key, report, now.Revision)
		}
	}
	if err == nil {
		r.last, r.revision = report, next
	}
}

// stop ends the goroutine, after a last report for which there is time until ctx ends.
func (r *reporter) stop(ctx context.Context) {
	defer context.AfterFunc(ctx, r.cut)()
	r.quit()
	r.group.Wait()
	r.cut()
}

// clear deletes the oldest reports of workers that are gone. Those who have a lease may
// be more than are kept.
func (r *reporter) clear(ctx context.Context) {
	all, err := read(ctx, r.store)
	if err != nil {
		return // the next worker will
	}
	living := map[string][]string{} // by fingerprint
	for _, e := range all[:max(len(all)-kept, 0)] {
		fingerprint, id, _ := strings.Cut(e.Key, ".")
		ids, known := living[fingerprint]
		if !known {
			if ids, err = r.alive(ctx, fingerprint); err != nil {
				continue // the next worker will
			}
			living[fingerprint] = ids
		}
		if !slices.Contains(ids, id) {
			_ = r.store.Delete(ctx, e.Key, e.Revision) // somebody else was faster
		}
	}
}

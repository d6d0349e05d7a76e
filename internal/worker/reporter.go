package worker

import (
	"bytes"
	"cmp"
	"context"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/waterspout/waterspout/internal/member"
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
	quit  context.CancelFunc
	cut   context.CancelFunc // of the report that is being stored
	group sync.WaitGroup
}

func reports(topology string) string { return topology + "-stats" }

func (r *reporter) open(ctx context.Context, s *session) (err error) {
	c := s.worker.config
	r.key = c.Fingerprint + "." + s.id
	r.made = func() []byte { return c.Report(s.id, s.site, s.counters()) }
	r.store, err = s.conn.Store(ctx, reports(c.Topology))
	return err
}

func (r *reporter) start() {
	ctx, quit := context.WithCancel(context.Background())
	storing, cut := context.WithCancel(context.Background())
	r.quit, r.cut = quit, cut
	r.group.Go(func() {
		r.clear(ctx)
		var last []byte
		var revision uint64
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for over := false; !over; {
			select {
			case <-ticker.C:
			case <-ctx.Done():
				over = true // once more: the last word counts
			}
			report := r.made()
			if bytes.Equal(report, last) {
				continue
			}
			put, cancel := context.WithTimeout(storing, time.Second)
			if next, err := r.store.Put(put, r.key, report, revision); err == nil {
				last, revision = report, next
			}
			cancel()
		}
	})
}

// stop ends the goroutine, after a last report for which there is time until ctx ends.
func (r *reporter) stop(ctx context.Context) {
	defer context.AfterFunc(ctx, r.cut)()
	r.quit()
	r.group.Wait()
	r.cut()
}

// clear deletes the oldest reports.
func (r *reporter) clear(ctx context.Context) {
	all, err := read(ctx, r.store)
	if err != nil {
		return // the next worker will
	}
	for _, e := range all[:max(len(all)-kept, 0)] {
		_ = r.store.Delete(ctx, e.Key, e.Revision) // somebody else was faster
	}
}

// read is all that is in a store now, the oldest first.
func read(ctx context.Context, store transport.Store) (all []transport.Entry, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	entries, err := store.Watch(ctx)
	if err != nil {
		return nil, err
	}
	for e := range entries {
		if e.Key == "" {
			slices.SortFunc(all, func(a, b transport.Entry) int { return cmp.Compare(a.Revision, b.Revision) })
			return all, nil
		}
		if e.Value != nil {
			all = append(all, e)
		}
	}
	return nil, context.Cause(ctx)
}

// A Reported is the reports of one cluster.
type Reported struct {
	Fingerprint string
	Reports     [][]byte // the oldest first
	Alive       []string // ids of its workers, none if it has ended
}

// Reports are those of all clusters that ran a topology, the one that reported last
// first.
func Reports(ctx context.Context, conn transport.Conn, topology string) (all []Reported, err error) {
	store, err := conn.Store(ctx, reports(topology))
	if err != nil {
		return nil, err
	}
	entries, err := read(ctx, store)
	if err != nil {
		return nil, err
	}
	for _, e := range slices.Backward(entries) {
		fingerprint, _, _ := strings.Cut(e.Key, ".")
		i := slices.IndexFunc(all, func(r Reported) bool { return r.Fingerprint == fingerprint })
		if i < 0 {
			i = len(all)
			all = append(all, Reported{Fingerprint: fingerprint})
		}
		all[i].Reports = slices.Insert(all[i].Reports, 0, e.Value)
	}
	for i := range all {
		if all[i].Alive, err = alive(ctx, conn, Cluster(topology, all[i].Fingerprint)); err != nil {
			return nil, err
		}
	}
	return all, nil
}

// alive are the workers that have a lease. One that died is among them until the
// others have found out, and the last ones for ever.
func alive(ctx context.Context, conn transport.Conn, cluster string) (ids []string, err error) {
	store, err := conn.Store(ctx, cluster)
	if err != nil {
		return nil, err
	}
	entries, err := read(ctx, store)
	if err != nil {
		return nil, err
	}
	return member.Leased(entries), nil
}

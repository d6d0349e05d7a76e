package worker

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/waterspout/waterspout/internal/member"
	"github.com/waterspout/waterspout/transport"
)

// reports is the name of the store of a topology's reports.
func reports(topology string) string { return topology + "-stats" }

// read is all that is in a store now, the oldest first. A watch that begins anew tells
// some of it twice.
func read(ctx context.Context, store transport.Store) ([]transport.Entry, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	entries, err := store.Watch(ctx)
	if err != nil {
		return nil, err
	}
	all := map[string]transport.Entry{}
	for e := range entries {
		switch {
		case e.Key == "":
			return slices.SortedFunc(maps.Values(all), func(a, b transport.Entry) int { return cmp.Compare(a.Revision, b.Revision) }), nil
		case e.Value == nil:
			delete(all, e.Key)
		default:
			all[e.Key] = e
		}
	}
	return nil, cmp.Or(context.Cause(ctx), transport.ErrClosed)
}

// A Reported is the reports of one cluster.
type Reported struct {
	Fingerprint string
	Reports     []transport.Entry // the oldest first
	Alive       []string          // ids of its workers, none if it has ended
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
		all[i].Reports = slices.Insert(all[i].Reports, 0, e)
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

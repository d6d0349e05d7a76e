package cluster

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"

	"github.com/waterspout/waterspout/internal/worker"
	"github.com/waterspout/waterspout/transport"
)

// ReadStats are the stats of all clusters that run, or ran, a topology: one for each
// version of it that is known, the one that reported last first. Each is the sum of
// its workers, those included that have ended, as far as the last hundred reports of
// the topology go; Workers are the ones that run. Workers report once a second. It
// blocks until the net is reached or ctx ends. An error may come with stats: it names
// the reports that cannot be read, which are not in them.
func ReadStats(ctx context.Context, net transport.Net, topology string) (all []Stats, err error) {
	if net == nil {
		return nil, errors.New("cluster: ReadStats needs a Net, such as natsnet.Net{URL: url}")
	}
	conn, err := net.Open(ctx, "stats", "reader-"+rand.Text())
	if err != nil {
		return nil, fmt.Errorf("cluster: reading stats of %s: %w", topology, err)
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	clusters, err := worker.Reports(ctx, conn, topology)
	if err != nil {
		return nil, fmt.Errorf("cluster: reading stats of %s: %w", topology, err)
	}
	for _, c := range clusters {
		var reports []report
		for _, e := range c.Reports {
			r, bad := decodeReport(e.Value)
			if bad != nil { // one of another program, say, is not to hide all others
				err = errors.Join(err, fmt.Errorf("cluster: report %s of %s: %w", e.Key, topology, bad))
				continue
			}
			reports = append(reports, r)
		}
		if len(reports) > 0 {
			all = append(all, merge(reports, func(id string) bool { return slices.Contains(c.Alive, id) }))
		}
	}
	return all, err
}

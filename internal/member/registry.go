package member

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/waterspout/waterspout/internal/assign"
	"github.com/waterspout/waterspout/transport"
)

// How a registry keeps its announcements: nothing hurries.
const (
	announceEvery = 5 * time.Second
	announceTTL   = 15 * time.Second
	keyAnnounced  = "worker."
)

// A Registry tells the workers of a topology of its other versions: each announces
// what it runs in a store that they share. It decides nothing, and a store that is
// away costs it nothing but news. Make one with [Announce].
type Registry struct {
	topology string
	id       string
	here     Version
	store    transport.Store
	lease    *lease
	judge    *assign.Leases
	others   map[string]versionAt
	watch    <-chan transport.Entry

	cancel  context.CancelFunc
	done    chan struct{}
	changed chan struct{}

	mu    sync.Mutex // guards lines
	lines []string
}

type versionAt struct {
	Version
	revision uint64
}

// Announce announces, under the id of a member, what it runs, in the store of that
// topology's name, until Close. It does not block.
func Announce(store transport.Store, topology, id string, here Version) *Registry {
	ctx, cancel := context.WithCancel(context.Background())
	r := &Registry{
		topology: topology,
		id:       id,
		here:     here,
		store:    store,
		lease:    &lease{store: store, key: keyAnnounced + id},
		judge:    assign.NewLeases(id, announceTTL),
		others:   map[string]versionAt{},
		cancel:   cancel,
		done:     make(chan struct{}),
		changed:  make(chan struct{}, 1),
	}
	go r.run(ctx)
	return r
}

// Changed receives when Lines has changed, for the log.
func (r *Registry) Changed() <-chan struct{} { return r.changed }

// Lines is one line for each other version of the topology that runs, for people:
// "cluster tweets also runs as 3fa2 (4 workers): decode x30 there, x20 here".
func (r *Registry) Lines() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.lines
}

// Close takes the announcement back, which takes at most a second and ends with ctx,
// and ends the goroutine. It may be called twice.
func (r *Registry) Close(ctx context.Context) {
	r.cancel()
	<-r.done
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	_ = r.lease.drop(ctx) // if it cannot be deleted, it runs out
}

func (r *Registry) run(ctx context.Context) {
	defer close(r.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	var renewAt time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case e, open := <-r.watch:
			if !open {
				return // the connection is closed
			}
			r.hear(e)
		case <-timer.C:
		}
		if r.watch == nil {
			r.watch, _ = r.store.Watch(ctx) // again with the next announcement
		}
		if now := time.Now(); !now.Before(renewAt) {
			r.announce(ctx)
			renewAt = now.Add(announceEvery)
		}
		r.tell(ctx)
		timer.Reset(time.Until(renewAt))
	}
}

func (r *Registry) hear(e transport.Entry) {
	id, ok := strings.CutPrefix(e.Key, keyAnnounced)
	if !ok {
		return
	}
	a, err := decodeAnnounced(e.Value)
	if err != nil { // nil, if it was deleted
		delete(r.others, id)
		r.judge.Gone(id)
		return
	}
	r.others[id] = versionAt{a.Version, e.Revision}
	r.judge.Observe(id, a.Counter, time.Now())
}

func (r *Registry) announce(ctx context.Context) {
	err := r.lease.renew(ctx, func(counter uint64) []byte { return announced{counter, r.here}.encode() })
	if errors.Is(err, errGone) { // taken for dead, or the store was wiped: anew next time
		r.lease.revision = 0
	}
}

// tell makes known what has changed, and deletes what the dead announced.
func (r *Registry) tell(ctx context.Context) {
	now := time.Now()
	for _, id := range r.judge.Lost(now) {
		ctx, cancel := context.WithTimeout(ctx, patience)
		_ = r.store.Delete(ctx, keyAnnounced+id, r.others[id].revision) // or somebody else does
		cancel()
		delete(r.others, id)
		r.judge.Gone(id)
	}
	var all []Version
	for _, id := range r.judge.Alive(now) {
		all = append(all, r.others[id].Version)
	}
	text := lines(r.topology, r.here, all)
	r.mu.Lock()
	defer r.mu.Unlock()
	if !slices.Equal(text, r.lines) {
		r.lines = text
		signal(r.changed)
	}
}

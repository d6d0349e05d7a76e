package kafkaio

import (
	"log/slog"
	"sync"
)

// health remembers what goes wrong, so that each trouble is logged once when it
// begins and once when it is over, however many partitions have it and however
// often it is tried. Any goroutine may call it.
type health struct {
	log *slog.Logger

	mu    sync.Mutex // guards what follows
	kinds map[string]*kind
	last  error
}

// kind is one kind of doing.
type kind struct {
	said bool             // that it fails, and not yet that it works again
	down map[string]error // for whom it fails
}

func (h *health) kind(doing string) *kind {
	if h.kinds == nil {
		h.kinds = map[string]*kind{}
	}
	k := h.kinds[doing]
	if k == nil {
		k = &kind{down: map[string]error{}}
		h.kinds[doing] = k
	}
	return k
}

// bad says that doing (reading, committing, the membership) fails for who.
func (h *health) bad(doing, who string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.last = err
	k := h.kind(doing)
	k.down[who] = err
	if !k.said {
		k.said = true
		h.log.Warn("kafka: "+doing+" fails; trying again until it works", "of", who, "err", err)
	}
}

// good says that it works for who.
func (h *health) good(doing, who string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	k := h.kind(doing)
	if !k.said {
		return
	}
	delete(k.down, who)
	if len(k.down) == 0 {
		k.said = false
		h.log.Info("kafka: " + doing + " works again")
	}
}

// forget says that who does it no more.
func (h *health) forget(doing, who string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.kind(doing).down, who)
}

// trouble is one error of now, or nil.
func (h *health) trouble() (doing string, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, doing := range []string{membership, reading, committing} {
		for _, err := range h.kind(doing).down {
			return doing, err
		}
	}
	return "", nil
}

// lastError is the last one, over or not.
func (h *health) lastError() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.last
}

const (
	membership = "membership"
	reading    = "reading"
	committing = "committing"
)

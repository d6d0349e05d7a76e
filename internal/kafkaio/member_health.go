package kafkaio

import (
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

// settling is how long a group may refuse its members because it is changing,
// before that is worth a line in the log.
const settling = 5 * time.Second

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
	said bool               // that it fails, and not yet that it works again
	down map[string]trouble // for whom it fails
}

type trouble struct {
	err   error
	since time.Time
}

// Passing reports whether err is what every member is told while the group
// changes: a commit that is refused so may be accepted soon.
func Passing(err error) bool {
	return errors.Is(err, sarama.ErrIllegalGeneration) || errors.Is(err, sarama.ErrRebalanceInProgress) ||
		errors.Is(err, sarama.ErrUnknownMemberId)
}

func (h *health) kind(doing string) *kind {
	if h.kinds == nil {
		h.kinds = map[string]*kind{}
	}
	k := h.kinds[doing]
	if k == nil {
		k = &kind{down: map[string]trouble{}}
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
	t := k.down[who]
	if t.err == nil {
		t.since = time.Now()
	}
	t.err = err
	k.down[who] = t
	if !k.said && (!Passing(err) || time.Since(t.since) >= settling) {
		k.said = true
		h.log.Warn("kafka: "+doing+" fails; trying again until it works", "of", who, "err", err)
	}
}

// good says that it works for who.
func (h *health) good(doing, who string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	k := h.kind(doing)
	delete(k.down, who)
	if k.said && len(k.down) == 0 {
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
		for _, t := range h.kind(doing).down {
			return doing, t.err
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

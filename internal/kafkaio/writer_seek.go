package kafkaio

import (
	"cmp"
	"errors"
	"slices"
	"time"

	"github.com/IBM/sarama"
)

// seekHomes finds leaders, and identities, for the partitions on the lookout. It
// alone waits for metadata, so that the links to healthy brokers go on.
func (w *Writer[T]) seekHomes() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		due, next := w.dueNow(time.Now())
		if len(due) > 0 {
			w.house(due)
			continue
		}
		timer.Reset(next)
		select {
		case <-w.seek:
		case <-timer.C:
		case <-w.stop:
			w.mu.Lock()
			left := w.lookout
			w.lookout = nil
			w.mu.Unlock()
			w.failAll(left)
			return
		}
	}
}

// dueNow takes the partitions from the lookout whose pause is over, and says how
// long the others have to wait.
func (w *Writer[T]) dueNow(now time.Time) (due []*partition[T], next time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	next = time.Hour
	if w.closing != nil {
		return nil, next
	}
	w.lookout = slices.DeleteFunc(w.lookout, func(p *partition[T]) bool {
		wait := p.due.Sub(now)
		if wait > 0 {
			next = min(next, wait)
			return false
		}
		due = append(due, p)
		return true
	})
	return due, next
}

// house gives each partition a link to its leader, or lets it try later.
func (w *Writer[T]) house(due []*partition[T]) {
	var stale []string
	for _, p := range due {
		if p.told != nil && !slices.Contains(stale, p.topic) {
			stale = append(stale, p.topic)
		}
	}
	errs := w.refresh(stale)
	var failed []ended[T]
	for _, p := range due {
		failed = w.settleIn(p, errs[p.topic], failed)
	}
	w.report(failed)
}

// refresh looks topics up, together if nothing is wrong with any of them.
func (w *Writer[T]) refresh(topics []string) map[string]error {
	if len(topics) == 0 {
		return nil
	}
	err, errs := w.client.RefreshMetadata(topics...), map[string]error{}
	_, answered := errors.AsType[sarama.KError](err)
	for _, topic := range topics {
		if errs[topic] = err; answered && len(topics) > 1 {
			errs[topic] = w.client.RefreshMetadata(topic)
		}
	}
	return errs
}

func (w *Writer[T]) settleIn(p *partition[T], err error, failed []ended[T]) []ended[T] {
	id, l := identity{}, (*link[T])(nil)
	if err == nil || p.told == nil {
		id, err = w.identityFor(p)
	}
	if err == nil {
		l, err = w.leader(p)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err = cmp.Or(w.closing, err); err != nil {
		return w.tryLater(p, err, failed)
	}
	if p.spoiled {
		p.adopt(id)
	}
	p.home, p.told = l, nil
	l.homed = append(l.homed, p)
	notify(l.wake)
	return failed
}

// leader is the link to the partition's leader.
func (w *Writer[T]) leader(p *partition[T]) (*link[T], error) {
	broker, err := w.client.Leader(p.topic, p.number)
	if err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	l := w.links[broker.ID()]
	if l == nil || l.broker != broker {
		pack, err := newCompression(w.conf)
		if err != nil {
			return nil, err
		}
		if l != nil { // the broker came back under another address, or was away
			l.former = true
			notify(l.wake)
		}
		l = &link[T]{w: w, broker: broker, pack: pack, wake: make(chan struct{}, 1)}
		w.links[broker.ID()] = l
		w.work.Go(l.run)
	}
	return l, nil
}

// identityFor is an identity that p has not used. A spoiled partition shares the
// new one with others that are spoiled at the time.
func (w *Writer[T]) identityFor(p *partition[T]) (identity, error) {
	w.mu.Lock()
	latest := w.latest
	w.mu.Unlock()
	if !p.spoiled || p.id != latest {
		return latest, nil
	}
	id, err := newIdentity(w.client)
	if err != nil {
		return identity{}, err
	}
	w.mu.Lock()
	w.latest = id
	w.mu.Unlock()
	return id, nil
}

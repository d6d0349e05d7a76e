package microbatch

import (
	"context"
	"errors"
	"sync"
)

// A Pool lends what is dear to make and used by one task at a time, such as
// producers. It makes as many as are lent at once, and keeps them for the next batch.
type Pool[T any] struct {
	open  func(context.Context) (T, error)
	close func(context.Context, T) error

	mu   sync.Mutex
	idle []T
}

// NewPool makes an empty pool. open and close are called on tasks' goroutines and
// on that of Close.
func NewPool[T any](open func(context.Context) (T, error), close func(context.Context, T) error) *Pool[T] {
	return &Pool[T]{open: open, close: close}
}

// Borrow lends one, and makes it if there is none; ctx bounds that.
func (p *Pool[T]) Borrow(ctx context.Context) (T, error) {
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		defer p.mu.Unlock()
		v := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return v, nil
	}
	p.mu.Unlock()
	return p.open(ctx)
}

// Return gives back what was lent.
func (p *Pool[T]) Return(v T) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = append(p.idle, v)
}

// Close closes all that are not lent. Call it when the context has ended.
func (p *Pool[T]) Close(ctx context.Context) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	for _, v := range p.idle {
		err = errors.Join(err, p.close(ctx, v))
	}
	p.idle = nil
	return err
}

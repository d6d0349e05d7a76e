package engine

import (
	"sync/atomic"
	"time"
)

// A tick wakes a task by time.
type tick struct {
	due   atomic.Bool
	every time.Duration
	timer *time.Timer
}

func (k *tick) start(wake func()) {
	k.timer = time.AfterFunc(k.every, func() {
		k.due.Store(true)
		wake()
	})
}

func (k *tick) again() {
	k.due.Store(false)
	k.timer.Reset(k.every)
}

func (k *tick) stop() { k.timer.Stop() }

package link

// Capacity is how many bytes of tuples from other workers one task instance
// queues, if all keep to their share of it (C4).
const Capacity = 1 << 20

const minWindow = 64 << 10

// Window is the share of one sender among so many: how many bytes it may begin to
// send before any are taken out of the inbox. What was granted is not taken back
// when there are more senders than before; it is only not renewed.
func Window(senders int) uint64 { return uint64(max(Capacity/max(senders, 1), minWindow)) }

// A Credit is what a sender has of one task instance in one epoch. A section may
// go while any is left, and may exceed it: so one that is larger than the window
// can go, too (C5). The zero Credit is none.
type Credit struct {
	sent, limit   uint64 // bytes
	tuples, taken uint64
}

// Open reports whether a section may go.
func (c *Credit) Open() bool { return c.sent < c.limit }

// Take sends a section of a number of bytes and tuples, and returns how many of
// both were sent in this epoch.
func (c *Credit) Take(bytes, tuples int) (position, total uint64) {
	c.sent += uint64(bytes)
	c.tuples += uint64(tuples)
	return c.sent, c.tuples
}

// Sent is what Take returned last.
func (c *Credit) Sent() (position, total uint64) { return c.sent, c.tuples }

// Load is how many tuples were sent and, as far as is known, are still queued.
func (c *Credit) Load() int { return int(c.tuples - c.taken) }

// Grant is the receiver's word (C1). An older one changes nothing.
func (c *Credit) Grant(limit, taken uint64) {
	c.limit = max(c.limit, limit)
	c.taken = max(c.taken, min(taken, c.tuples))
}

// Reset begins a new epoch, without credit (C2).
func (c *Credit) Reset() { *c = Credit{} }

// An Account is the other end: what one sender has queued in the inbox of one
// task instance, and may send. The zero Account has granted nothing.
type Account struct {
	epoch           uint32 // how many there were
	received, total uint64 // bytes and tuples sent in this epoch, those that were lost included
	queued, tuples  uint64 // of them in the inbox
	old             uint64 // bytes in the inbox of epochs before
	limit, taken    uint64 // bytes and tuples, as they were granted last
}

// Renew begins a new epoch.
func (a *Account) Renew() { *a = Account{epoch: a.epoch + 1, old: a.old + a.queued} }

// Arrive takes in a section of this epoch. Position and total are the absolute
// numbers of its sender: what was lost before it counts as used and taken (C1).
// The epoch is for Done.
func (a *Account) Arrive(position, total uint64, bytes, tuples int) (epoch uint32) {
	a.received = max(a.received, position)
	a.total = max(a.total, total)
	a.queued += uint64(bytes)
	a.tuples += uint64(tuples)
	return a.epoch
}

// Done says that a section left the inbox.
func (a *Account) Done(epoch uint32, bytes, tuples int) {
	if epoch != a.epoch {
		a.old -= uint64(bytes)
		return
	}
	a.queued -= uint64(bytes)
	a.tuples -= uint64(tuples)
}

// Queued is how many bytes are in the inbox.
func (a *Account) Queued() uint64 { return a.queued + a.old }

func (a *Account) next(window uint64) (limit, taken uint64) {
	taken = a.total - min(a.tuples, a.total)
	base := a.received - min(a.queued, a.received)
	return max(a.limit, base+window-min(a.old, window)), taken
}

// Grant is what to tell the sender, given its window: how far it may send, and how
// many of its tuples left the inbox (C1, C2). fresh says that it differs from what
// was told last.
func (a *Account) Grant(window uint64) (limit, taken uint64, fresh bool) {
	limit, taken = a.next(window)
	fresh = limit != a.limit || taken != a.taken
	a.limit, a.taken = limit, taken
	return limit, taken, fresh
}

// Urgent reports whether a grant should not wait: half a window or more came free
// since the last.
func (a *Account) Urgent(window uint64) bool {
	limit, _ := a.next(window)
	return limit-a.limit >= window/2
}

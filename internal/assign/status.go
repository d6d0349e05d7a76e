package assign

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
)

// An Instance is one instance of a task.
type Instance struct {
	Task   int    `json:"t"`
	Number uint32 `json:"i"`
}

// A Status is what a worker says of itself in its lease.
type Status struct {
	// Nonce is that of the document which the worker follows, 0 before it was
	// named in one.
	Nonce uint64 `json:"nonce,omitempty,string"`
	// Applied is the Version of the newest document that the worker has applied:
	// of all instances that are no longer its own there, none runs any more.
	Applied uint64 `json:"applied,omitempty"`
	// Done are the instances of spout tasks that are exhausted and settled; one
	// that ended in this way is here no later than Applied says that it ended.
	Done    []Instance `json:"done,omitempty"`
	Leaving bool       `json:"leaving,omitempty"`
	// Quiet says under Drain that all spout tasks here have stopped and settled.
	Quiet bool `json:"quiet,omitempty"`
	// Failed is the error with which a task here ended the topology.
	Failed string `json:"failed,omitempty"`
	Joined int64  `json:"joined,omitempty"` // orders those who join: the Unix time in nanoseconds
	Host   string `json:"host,omitempty"`   // for people
}

// Equal reports whether both say the same.
func (s Status) Equal(t Status) bool {
	return s.Nonce == t.Nonce && s.Applied == t.Applied && slices.Equal(s.Done, t.Done) &&
		s.Leaving == t.Leaving && s.Quiet == t.Quiet && s.Failed == t.Failed && s.Joined == t.Joined && s.Host == t.Host
}

// A Lease is what a worker writes under its id: a counter that it raises with every
// renewal, and its status.
type Lease struct {
	Counter uint64 `json:"counter"`
	Status
}

// Encode is the lease's form in the store, for [DecodeLease] and for people.
func (l Lease) Encode() []byte {
	b, err := json.Marshal(l)
	if err != nil {
		panic(err) // numbers, strings and flags
	}
	return b
}

// DecodeLease reads a lease that somebody else wrote.
func DecodeLease(b []byte) (Lease, error) {
	var l Lease
	if err := json.Unmarshal(b, &l); err != nil {
		return Lease{}, fmt.Errorf("lease: %w", err)
	}
	if l.Counter == 0 {
		return Lease{}, errors.New("lease: no counter")
	}
	return l, nil
}

// A Member is a worker whose lease holds.
type Member struct {
	ID string
	Status
}

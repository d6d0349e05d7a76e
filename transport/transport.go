// Package transport is the contract between the workers of a cluster and the wire
// that joins them: frames on two lanes, and small stores for coordination.
//
// A [Net] opens a worker's [Conn]. What is sent over it arrives at most once, in
// order between two workers on one lane, or not at all: the links above find every
// loss and fail the trees concerned (rules K1 to K6 of docs/protocol.md). The
// invariant that an implementation keeps: Recv returns whole frames or none, and
// Send blocks rather than drops while the net is slow.
//
//	conn, err := net.Open(ctx, "tweets-3fa2", "worker-1")
//	err = conn.Send(ctx, "worker-2", transport.Data, frame)
//	frame, err := conn.Recv(ctx, transport.Data)
//
// transport/inproc joins workers of one process, transport/natsnet those of many
// machines; transport/transporttest is the suite that both pass. A local topology
// needs no transport.
package transport

import (
	"context"
	"errors"
)

// ErrClosed is returned by the methods of a Conn that was closed.
var ErrClosed = errors.New("transport: closed")

// ErrConflict is returned by a Store when the key is not at the revision given.
var ErrConflict = errors.New("transport: the key has another revision")

// MaxFrame is the size in bytes of the largest frame that every Conn carries,
// whatever the size of its own messages.
const MaxFrame = 64 << 20

// A Lane is one of the two ways from a worker to another. What is sent on one never
// waits behind the other.
type Lane uint8

// The lanes.
const (
	Data    Lane = iota // tuples: large, held back by credit
	Control             // acks, reports, everything that must not wait for tuples
	Lanes               // how many there are
)

// A Net opens connections. Its methods may be called from any goroutine.
type Net interface {
	// Open joins a cluster under a name that no other open Conn of it has; a
	// net may refuse one that is in use, or give both their frames. Conns of
	// different clusters never see each other's frames. Both names are as
	// CheckName wants them. It blocks until the net is reached or ctx ends;
	// it returns at once what waiting cannot cure. When it returns, frames
	// to this name arrive.
	Open(ctx context.Context, cluster, worker string) (Conn, error)
}

// A Conn is one worker's end of a net. Its methods may be called from any
// goroutine, but Recv from one per lane.
type Conn interface {
	// Send sends a frame to the worker of that name, which may be this one,
	// and blocks while the net cannot take it. payload is not kept. Nil does
	// not say that it arrived: a frame to a worker that is not there is lost.
	// Nor does an error say that it did not.
	Send(ctx context.Context, to string, lane Lane, payload []byte) error
	// Recv returns the next frame, which is the caller's.
	Recv(ctx context.Context, lane Lane) ([]byte, error)
	// Store opens the store of that name, which is as CheckName wants it, and
	// makes it if it does not exist. Stores are shared by all workers of the
	// net, of whatever cluster. They end with the Conn.
	Store(ctx context.Context, name string) (Store, error)
	// Dropped is how many frames this end threw away since it was slow. Credit
	// keeps it at 0.
	Dropped() uint64
	// Close releases blocked calls with ErrClosed, and closes the channels of
	// all watches before it returns. It may be called twice.
	Close() error
}

// An Entry is a value of a Store at a revision. Revisions of a store only grow, for
// as long as it is not wiped; 0 is a key that does not exist.
type Entry struct {
	Key      string
	Value    []byte // nil if there is none; the receiver's
	Revision uint64 // 0 if there is none, also where a Watch sends a deletion
}

// A Store keeps leases, the leader and the assignment. It has no expiry: a lease is
// a number that its owner raises, judged by the others' own clocks. Its methods may
// be called from any goroutine; keys are as CheckKey wants them. While the net is
// away calls wait until ctx ends; one that ends so may have written. A store that was
// lost is made again, empty.
type Store interface {
	// Get returns the entry of key as the last Put or Delete left it, with
	// revision 0 and a nil value if there is none.
	Get(ctx context.Context, key string) (Entry, error)
	// Put writes value if key is at revision, 0 for a key that does not exist
	// or was deleted, and returns its new one; else it returns ErrConflict.
	Put(ctx context.Context, key string, value []byte, revision uint64) (uint64, error)
	// Delete removes key if it is at revision; else it returns ErrConflict.
	Delete(ctx context.Context, key string, revision uint64) error
	// Watch sends every entry, first as they are and then as they change; an
	// entry with an empty Key says that all those of the beginning were sent.
	// Of several changes of one key it may send the last alone. When the net
	// was interrupted, the store lost, or its reader slow, it begins anew:
	// it sends a key that vanished meanwhile as deleted, every other one
	// again, and again the empty Key. It closes the channel when ctx ends or
	// the Conn is closed.
	Watch(ctx context.Context) (<-chan Entry, error)
}

// Package transport is the contract between the engine and the wire that joins
// workers: frames, and a small store for coordination.
//
// A [Net] opens a worker's [Conn]; frames sent over it arrive at most once, in
// order between two workers, or not at all: the engine's links find every loss
// and fail the trees concerned (rules K1 to K6 of docs/protocol.md). The
// invariant that an implementation keeps: Recv never returns part of a frame,
// and Send blocks rather than drops when the peer is slow.
//
//	conn, err := net.Open(ctx, "worker-1")
//	err = conn.Send(ctx, "worker-2", transport.Frame{Kind: transport.Data, Payload: b})
//	f, err := conn.Recv(ctx)
//
// A local topology needs no transport: package cluster runs it without one.
package transport

import (
	"context"
	"errors"
)

// ErrClosed is returned by the methods of a Conn that was closed.
var ErrClosed = errors.New("transport: closed")

// ErrConflict is returned by Store.Put when the key is not at the revision
// given.
var ErrConflict = errors.New("transport: the key has another revision")

// A Kind says what a frame carries. Acks and control never wait behind data.
type Kind uint8

// The kinds of frames.
const (
	Data    Kind = iota + 1 // tuples for one task
	Ack                     // pairs and fails for one spout instance
	Report                  // of a receiver: what arrived, what is missing, credit
	Control                 // hello, offer, fin
)

// A Frame is one message between two workers.
type Frame struct {
	Kind    Kind
	From    string // the sender's name; set by the Conn
	Payload []byte
}

// A Net opens connections. Its methods may be called from any goroutine.
type Net interface {
	// Open joins the net under a name that no other open Conn has. It blocks
	// until the net is reached or ctx ends.
	Open(ctx context.Context, worker string) (Conn, error)
}

// A Conn is one worker's end of a net. Send may be called from any goroutine,
// Recv from one.
type Conn interface {
	// Send sends a frame to a worker, and blocks while that is not possible.
	// The payload is not kept. Nil does not say that the frame arrived.
	Send(ctx context.Context, to string, f Frame) error
	// Recv returns the next frame, whose payload is good until the next Recv.
	Recv(ctx context.Context) (Frame, error)
	// Store is the coordination store that all workers of the net share.
	Store() Store
	// Close releases blocked calls with ErrClosed. It may be called twice.
	Close() error
}

// An Entry is a value of the Store at a revision. Revisions of a store only
// grow; 0 is a key that does not exist.
type Entry struct {
	Key      string
	Value    []byte
	Revision uint64
}

// A Store keeps leases, the leader and the assignment. It has no expiry: a
// lease is a number that its owner raises, judged by the others' own clocks.
type Store interface {
	// Get returns the entry of key, with revision 0 if there is none.
	Get(ctx context.Context, key string) (Entry, error)
	// Put writes value if key is at revision, and returns the new one; else
	// it returns ErrConflict.
	Put(ctx context.Context, key string, value []byte, revision uint64) (uint64, error)
	// Watch sends every entry whose key has the prefix, first as they are and
	// then as they change, until ctx ends; then it closes the channel.
	Watch(ctx context.Context, prefix string) (<-chan Entry, error)
}

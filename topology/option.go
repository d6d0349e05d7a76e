package topology

import (
	"time"

	"github.com/waterspout/waterspout/internal/engine"
)

// What a declaration has without options.
const (
	DefaultMaxPending = 4096
	DefaultTimeout    = 30 * time.Second
)

// A SpoutOption changes the declaration of a spout.
type SpoutOption interface{ spout(*engine.Node) }

// A BoltOption changes the declaration of a bolt.
type BoltOption interface{ bolt(*engine.Node) }

// An Option changes the declaration of a spout or a bolt.
type Option interface {
	SpoutOption
	BoltOption
}

type option func(*engine.Node)

func (o option) spout(n *engine.Node) { o(n) }
func (o option) bolt(n *engine.Node)  { o(n) }

type spoutOption func(*engine.Node)

func (o spoutOption) spout(n *engine.Node) { o(n) }

// Parallelism is how many tasks the component has; 1 without it, 16,384 at most.
func Parallelism(tasks int) Option {
	return option(func(n *engine.Node) { n.Parallelism = tasks })
}

// MaxPending bounds how many trees of tuples may be open per spout task;
// EmitID blocks at the bound. On timeouts the bound in force is halved and grows
// back (rule O1). It is 16,777,216 at most; each task takes the memory for all of
// them when it starts, 80 to 160 bytes a tree.
func MaxPending(trees int) SpoutOption {
	return spoutOption(func(n *engine.Node) { n.MaxPending = trees })
}

// Timeout is how long a tree may make no progress before it fails. It is the
// last resort: losses are told sooner. A tree that does make progress fails at
// ten times that age. It is a year at most.
func Timeout(d time.Duration) SpoutOption {
	return spoutOption(func(n *engine.Node) { n.Timeout = d })
}

// Untracked turns acking off: a tuple counts as acked when it was emitted, and
// is lost with whatever fails after that (at most once).
func Untracked() SpoutOption {
	return spoutOption(func(n *engine.Node) { n.Untracked = true })
}

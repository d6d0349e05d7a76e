package faults

import (
	"bytes"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/waterspout/waterspout/internal/frame"
)

// A Direction is a way through a [Proxy].
type Direction uint8

// The directions.
const (
	Up   Direction = iota // from the worker to NATS
	Down                  // from NATS to the worker
	directions
)

// An Action is what is done to a frame.
type Action uint8

// The actions.
const (
	Drop     Action = iota
	Double          // the frame comes twice, the second time within Rule.Within
	Delay           // the frame comes later, others may overtake it
	Corrupt         // one bit is turned
	Truncate        // the end is missing, of one byte at least
	actions
)

// A Rule does Action to a share of the frames. Of several rules that fit a frame the
// first one that draws it counts.
type Rule struct {
	Direction Direction
	Kinds     []frame.Kind // none: frames of all kinds
	Action    Action
	Share     float64       // 0 to 1
	Within    time.Duration // of Double and Delay: how much later at most
}

// Counts are how many frames suffered what, by Action, and how many passed a proxy in
// all, in both directions.
type Counts struct {
	Suffered [actions]int
	Frames   int
	Lost     int            // tuples, pairs and failures in the frames that were dropped
	Clusters map[string]int // frames by the cluster that they belong to
}

// A passage is a message on its way, and how much later it goes than its turn; late says
// that others do not wait for it.
type passage struct {
	message
	late  bool
	extra time.Duration
}

// apply is what becomes of m.
func apply(rules []Rule, way Direction, m message, dice *rand.Rand, c *Counts) []passage {
	if m.kind == 0 {
		return []passage{{message: m}}
	}
	c.Frames++
	c.Clusters[strings.Split(m.words[1], ".")[1]]++
	for _, r := range rules {
		if r.Direction != way || len(r.Kinds) > 0 && !slices.Contains(r.Kinds, m.kind) || dice.Float64() >= r.Share {
			continue
		}
		if c.Suffered[r.Action]++; r.Action == Drop {
			c.Lost += m.load()
		}
		return r.act(m, dice)
	}
	return []passage{{message: m}}
}

func (r Rule) act(m message, dice *rand.Rand) []passage {
	later := passage{message: m, late: true}
	if r.Within > 0 {
		later.extra = time.Duration(dice.Int64N(int64(r.Within)))
	}
	switch r.Action {
	case Drop:
		return nil
	case Double:
		return []passage{{message: m}, later}
	case Delay:
		return []passage{later}
	case Corrupt:
		m.payload = bytes.Clone(m.payload)
		m.payload[dice.IntN(len(m.payload))] ^= 1 << dice.IntN(8)
	case Truncate:
		m.payload = m.payload[:dice.IntN(len(m.payload))]
	}
	return []passage{{message: m}}
}

package tuple

// A Holder keeps the held inputs of one task. The engine implements it, and so
// do test kits; nobody else needs to.
type Holder interface {
	// Settle ends the held input in slot, if its generation still is gen:
	// nil acks it, an error fails it. It may be called from any goroutine
	// and does not block.
	Settle(slot, gen uint32, err error)
	// AckAll acks held inputs that all are this Holder's, as Settle does.
	AckAll(held []Held)
}

// A Held is an input whose outcome the bolt took upon itself with
// Collector.Hold. It is a small value to copy and keep; it does not keep the
// input's value alive. Its methods may be called from any goroutine; the first
// outcome counts and later ones do nothing (rule T2). The zero Held does
// nothing.
type Held struct {
	holder    Holder
	slot, gen uint32
}

// NewHeld is for implementations of [Holder].
func NewHeld(h Holder, slot, gen uint32) Held { return Held{h, slot, gen} }

// Ack says that the input is done. It does not block.
func (h Held) Ack() {
	if h.holder != nil {
		h.holder.Settle(h.slot, h.gen, nil)
	}
}

// Fail fails the input with err, which is read as an error returned from
// Execute would be: a bolt.Reject rejects. A nil err fails it, too. It does not
// block.
func (h Held) Fail(err error) {
	if h.holder == nil {
		return
	}
	if err == nil {
		err = Failure{Kind: Error, Text: "failed by the bolt"}
	}
	h.holder.Settle(h.slot, h.gen, err)
}

// Slot is the held input's place in the task that made it, for implementations
// of [Holder].
func (h Held) Slot() (holder Holder, slot, gen uint32) { return h.holder, h.slot, h.gen }

// AckAll acks many held inputs at a fraction of the cost of one Ack each. The
// slice is not kept.
func AckAll(held []Held) {
	for len(held) > 0 {
		n := 1
		for n < len(held) && held[n].holder == held[0].holder {
			n++
		}
		if held[0].holder != nil {
			held[0].holder.AckAll(held[:n])
		}
		held = held[n:]
	}
}

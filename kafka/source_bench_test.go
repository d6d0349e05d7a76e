package kafka

import (
	"testing"

	"github.com/waterspout/waterspout/internal/kafkaio"
	"github.com/waterspout/waterspout/spout"
)

// idle is an engine that does nothing: it notes the ids.
type idle struct{ ids []uint64 }

func (e *idle) Emit(Record) bool { return true }

func (e *idle) EmitID(_ Record, id uint64) bool {
	e.ids = append(e.ids, id)
	return true
}

// BenchmarkSource is what a Source costs per record beside fetching and
// committing: to emit it, with an engine that does nothing, and to ack it.
func BenchmarkSource(b *testing.B) {
	s := newSource(Spout{}.defaults())
	o := newOwnership(1, new(kafkaio.Claim))
	s.ids.Store(&map[uint16]*ownership{1: o})
	s.owned.Store(&[]*ownership{o})
	engine := &idle{}
	out := spout.NewEmitter[Record](engine)
	records := make([]kafkaio.Fetched, 8192)
	for i := range records {
		records[i] = kafkaio.FetchedFrom(kafkaio.Record{Topic: "in", Value: make([]byte, 160)})
	}
	next := int64(0)
	b.ReportAllocs()
	for n := 0; n < b.N; {
		if o.tracker.Waiting() == 0 {
			next += int64(len(records))
			o.tracker.Add(records, next, 1<<20)
		}
		emitted, ok := s.emit(out, o, s.limit())
		if !ok {
			b.Fatal("not ok")
		}
		n += emitted
		if len(engine.ids) >= 4096 {
			for _, id := range engine.ids {
				s.Ack(id)
			}
			engine.ids = engine.ids[:0]
			o.dirty()
		}
	}
}

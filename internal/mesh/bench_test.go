package mesh_test

import (
	"log/slog"
	"testing"

	"github.com/waterspout/waterspout/acker"
	"github.com/waterspout/waterspout/internal/mesh"
	"github.com/waterspout/waterspout/transport/inproc"
	"github.com/waterspout/waterspout/tuple"
)

// A sink takes what it gets at once.
type sink struct{}

func (sink) Tuples(_ mesh.Address, _ int, p mesh.Parcel) bool { p.Done(0); return true }
func (sink) Pairs([]acker.Pair)                               {}
func (sink) Fail(tuple.Root, tuple.Failure)                   {}
func (sink) Lost([]tuple.Root)                                {}
func (sink) Marked()                                          {}

func pair(b testing.TB) (from, to *mesh.Mesh) {
	net := inproc.New()
	var ms []*mesh.Mesh
	for _, name := range []string{"a", "b"} {
		conn, err := net.Open(b.Context(), "c", name)
		if err != nil {
			b.Fatal(err)
		}
		m := mesh.Open(mesh.Config{Conn: conn, Nonce: nonce, Self: name, Log: slog.New(slog.DiscardHandler), To: sink{}})
		b.Cleanup(func() { m.Close(); conn.Close() })
		ms = append(ms, m)
	}
	ms[0].SetPeers([]string{"b"})
	ms[1].SetPeers([]string{"a"})
	ms[1].Accept(here)
	return ms[0], ms[1]
}

// BenchmarkSections moves sections of 32 KiB, about 290 tuples, between two
// meshes of one process.
func BenchmarkSections(b *testing.B) {
	from, _ := pair(b)
	numbers := make([]uint64, 290)
	for i := range numbers {
		numbers[i] = uint64(i + 1)
	}
	s := section(92, numbers...)
	out := from.Peer("b").Outlet(here)
	out.Send(s)
	b.ReportAllocs()
	b.SetBytes(int64(len(s.Body)))
	for b.Loop() {
		out.Send(s)
	}
	from.Settle(b.Context())
	b.ReportMetric(float64(from.Stats().FramesReceived)/float64(from.Stats().FramesSent), "reports/frame")
}

// BenchmarkPairs moves pairs to a ledger, 64 at a time; an operation is 64.
func BenchmarkPairs(b *testing.B) {
	from, _ := pair(b)
	ps := make([]acker.Pair, 64)
	p := from.Peer("b")
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		p.Pairs(ps)
		if i++; i%1000 == 0 {
			from.Settle(b.Context())
		}
	}
}

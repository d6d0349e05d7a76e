package natsnet

import (
	"context"
	"fmt"
	"log/slog"
	"testing"

	"github.com/waterspout/waterspout/transport"
	"github.com/waterspout/waterspout/transport/natsserver"
)

// BenchmarkFrames sends frames from one worker to another over a server in the same
// process, so that one operation is all of sending, forwarding and receiving.
func BenchmarkFrames(b *testing.B) {
	for _, size := range []int{1 << 10, 32 << 10, 256 << 10, 4 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			s, err := natsserver.Start(natsserver.Options{})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			n := Net{URL: s.URL(), Log: slog.New(slog.DiscardHandler)}
			to := open(b, n, "to")
			from := open(b, n, "from")
			defer to.Close()
			defer from.Close()
			credit := make(chan struct{}, max(1, min(256, (32<<20)/size)))
			done := make(chan error, 1)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			go func() {
				for range b.N {
					if _, err := to.Recv(b.Context(), transport.Data); err != nil {
						done <- err
						return
					}
					<-credit
				}
				done <- nil
			}()
			frame := make([]byte, size)
			b.ResetTimer()
			for range b.N {
				credit <- struct{}{}
				if err := from.Send(b.Context(), "to", transport.Data, frame); err != nil {
					b.Fatal(err)
				}
			}
			if err := <-done; err != nil {
				b.Fatal(err)
			}
			if n := to.Dropped(); n > 0 {
				b.Fatalf("%d frames were dropped", n)
			}
		})
	}
}

func open(b *testing.B, n Net, worker string) transport.Conn {
	b.Helper()
	c, err := n.Open(context.Background(), "c", worker)
	if err != nil {
		b.Fatal(err)
	}
	return c
}

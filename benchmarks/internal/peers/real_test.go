//go:build kafka

package peers

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/waterspout/waterspout/benchmarks/internal/models"
	"github.com/waterspout/waterspout/internal/realkafka"
	"github.com/waterspout/waterspout/internal/tweets"
	"github.com/waterspout/waterspout/kafka/kafkatest"
)

// A bench is a job of one peer on a real Kafka.
type bench struct {
	*testing.T
	broker *kafkatest.Broker
	engine models.Engine
	job    models.Job
	filled uint64
}

func (b *bench) fill(n uint64) {
	b.Helper()
	if err := b.broker.Fill(b.Context(), b.job.In, tweets.New(1).Records(b.filled, b.filled+n)); err != nil {
		b.Fatal(err)
	}
	b.filled += n
}

func (b *bench) start() models.Process {
	b.Helper()
	p, err := b.engine.Start(b.Context(), b.job)
	if err != nil {
		b.Fatal(err)
	}
	return p
}

// written waits until the output has so many records.
func (b *bench) written(p models.Process, n uint64) {
	b.Helper()
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	defer cancel()
	awaitTrue(ctx, b.T, func() bool {
		if !alive(p.Pid()) {
			b.Fatal(p.Stop())
		}
		return b.outputs(ctx) >= n
	})
}

// outputs is how many records the output has.
func (b *bench) outputs(ctx context.Context) (n uint64) {
	b.Helper()
	ends, err := b.broker.EndOffsets(ctx, b.job.Out)
	if err != nil {
		b.Fatal(err)
	}
	for end := range maps.Values(ends) {
		n += uint64(end)
	}
	return n
}

func (b *bench) verdict() tweets.Verdict {
	b.Helper()
	check := tweets.Check{In: tweets.Data{Topic: b.job.In}, Out: tweets.Data{Topic: b.job.Out}}
	v, err := check.Run(b.Context(), b.broker)
	if err != nil {
		b.Fatal(err)
	}
	return v
}

func (b *bench) committed() {
	b.Helper()
	all, err := b.broker.Committed(b.Context(), b.job.Group)
	ends, endErr := b.broker.EndOffsets(b.Context(), b.job.In)
	if err := errors.Join(err, endErr); err != nil {
		b.Fatal(err)
	}
	if !maps.Equal(all[b.job.In], ends) {
		b.Errorf("commits at %v, the input ends at %v", all[b.job.In], ends)
	}
}

func TestPeersOnRealKafka(t *testing.T) {
	engines, err := Engines(t.Context(), t.TempDir())
	if errors.Is(err, realkafka.ErrMissing) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	real, err := realkafka.Start(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer real.Close()
	broker, err := kafkatest.Connect(t.Context(), real.Addrs()...)
	if err != nil {
		t.Fatal(err)
	}
	defer broker.Close()
	var unlike []string // intervals alone make no difference to what a kill does
	for i, p := range Peers() {
		t.Run(p.Name, func(t *testing.T) {
			name := fmt.Sprintf("peer%d", i)
			b := &bench{T: t, broker: broker, engine: engines[i]}
			b.job = models.Job{Brokers: real.Addrs(), In: name + ".in", Out: name + ".out", Group: name}
			for _, topic := range []string{b.job.In, b.job.Out} {
				if err := broker.CreateTopic(t.Context(), topic+":5"); err != nil {
					t.Fatal(err)
				}
			}
			b.inOrder(p)
			if !slices.Contains(unlike, p.main+p.settings[len(p.settings)-2]) {
				unlike = append(unlike, p.main+p.settings[len(p.settings)-2])
				b.killed()
			}
		})
	}
}

// inOrder: a peer that is stopped has done all, once, and committed it.
func (b *bench) inOrder(p Peer) {
	const n = 20_000
	b.fill(n)
	running := b.start()
	b.written(running, n)
	begin := time.Now()
	if err := running.Stop(); err != nil {
		b.Fatal(err)
	}
	b.Logf("stopped in %v", time.Since(begin))
	if v := b.verdict(); !v.OK() {
		b.Errorf("verdict %+v", v)
	}
	if p.Commits {
		b.committed()
	}
}

// killed: a peer that is killed at work and started again goes on where it was,
// and loses nothing.
func (b *bench) killed() {
	was, n := b.filled, uint64(50_000)
	running := b.start()
	b.fill(n)
	b.written(running, was+1)
	if err := running.Kill(); err != nil {
		b.Fatal(err)
	}
	left := b.outputs(b.Context())
	b.fill(1000)
	begin := time.Now()
	running = b.start()
	b.written(running, left+1)
	b.Logf("at work again after %v", time.Since(begin))
	ctx, cancel := context.WithTimeout(b.Context(), patience)
	defer cancel()
	var v tweets.Verdict
	awaitTrue(ctx, b.T, func() bool {
		v = b.verdict()
		return v.Missing == 0
	})
	if err := running.Stop(); err != nil {
		b.Fatal(err)
	}
	b.Logf("after the kill: %+v", v)
	if v.Phantoms > 0 || v.Duplicates > int(n) {
		b.Errorf("verdict %+v", v)
	}
}

// A virtual machine ends with its parent, even if that is killed.
func TestEndsWithItsParent(t *testing.T) {
	if _, err := findTools(t.Context()); errors.Is(err, realkafka.ErrMissing) {
		t.Skip(err)
	}
	cmd := exec.CommandContext(t.Context(), self(t, "parent"))
	cmd.Env = append(os.Environ(), "WATERSPOUT_PEERS_DIR="+t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	var pids []int
	for _, f := range strings.Fields(line) {
		var pid int
		if _, err := fmt.Sscan(f, &pid); err != nil || !alive(pid) {
			t.Fatalf("no process %s in %q: %v", f, line, err)
		}
		pids = append(pids, pid)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	if len(pids) != len(Peers()) {
		t.Errorf("%d processes of %d peers", len(pids), len(Peers()))
	}
	for _, pid := range pids {
		awaitEnd(t, pid)
	}
}

package steps

import (
	"math"
	"os"
	"path/filepath"
	"runtime/pprof"
	"testing"

	"github.com/google/pprof/profile"
)

// sample has functions on its stack, the innermost first.
func sample(value int64, functions ...string) *profile.Sample {
	s := &profile.Sample{Value: []int64{1, value}}
	for _, f := range functions {
		s.Location = append(s.Location, &profile.Location{Line: []profile.Line{{Function: &profile.Function{Name: f}}}})
	}
	return s
}

func TestShare(t *testing.T) {
	const (
		queue  = "github.com/waterspout/waterspout/internal/engine.(*queue[go.shape.struct { Key []uint8; github.com/waterspout/waterspout/acker.x int }]).each"
		mapper = "github.com/waterspout/waterspout/avro.(*Decode[...]).Mapper.func1"
		flush  = "github.com/waterspout/waterspout/internal/engine.(*router[...]).flush"
	)
	p := &profile.Profile{Sample: []*profile.Sample{
		sample(1, "runtime.memmove", flush, mapper, queue), // the innermost
		sample(2, "runtime.mallocgc", "github.com/hamba/avro/v2.(*Reader).ReadString", mapper, queue),
		sample(4, "github.com/hamba/avro/v2.(*Reader).ReadLong", mapper, queue),
		sample(8, "runtime.memclrNoHeapPointers", queue), // not the type argument's
		sample(16, "github.com/waterspout/waterspout/internal/engine.(*holds).begin", "github.com/waterspout/waterspout/kafka.(*Sink).Execute", queue),
		sample(32, "runtime.chansend1", "github.com/IBM/sarama.(*asyncProducer).dispatcher"),
		sample(64, "main.main"),
		sample(1),
	}}
	got := map[string]float64{}
	sum := 0.0
	for _, s := range share(p) {
		got[s.Step] = s.Part * 128
		sum += s.Part
	}
	for step, want := range map[string]float64{
		"hops": 1 + 8, "malloc and GC": 2, "decode": 4, "acking": 16, "channels and select": 32, Other: 65, "encode": 0,
	} {
		if math.Abs(got[step]-want) > 1e-9 {
			t.Errorf("%s: %v of 128, want %v", step, got[step], want)
		}
	}
	if math.Abs(sum-1) > 1e-9 {
		t.Errorf("the shares add up to %v", sum)
	}
}

// TestOf reads what the runtime writes, and says what it cannot read.
func TestOf(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cpu.pprof")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		t.Fatal(err)
	}
	pprof.StopCPUProfile()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	shares, err := Of(path)
	if err != nil || len(shares) != len(list)+1 {
		t.Errorf("%v, %v", shares, err)
	}
	if err := os.WriteFile(path, []byte("no profile"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []string{path, path + ".missing"} {
		if _, err := Of(bad); err == nil {
			t.Errorf("read %s", bad)
		}
	}
}

package tuple_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"pgregory.net/rapid"

	"github.com/waterspout/waterspout/tuple"
)

func TestRootKeepsItsParts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		instance := rapid.Uint32Range(1, 1<<24-1).Draw(t, "instance")
		sequence := rapid.Uint64().Draw(t, "sequence")
		r := tuple.NewRoot(instance, sequence)
		if r == 0 || r.Instance() != instance || r.Sequence() != sequence%(1<<40) {
			t.Errorf("%v of instance %d, sequence %d", r, instance, sequence)
		}
		if next := tuple.NewRoot(instance, sequence+1); next == r {
			t.Errorf("%v twice", r)
		}
	})
}

func TestLineageIsSmall(t *testing.T) {
	if size := unsafe.Sizeof(tuple.Lineage{}); size != 24 {
		t.Errorf("a lineage is %d bytes; every hop of every tuple copies it", size)
	}
}

func TestOnlyErrorsAndPanicsCount(t *testing.T) {
	for k := range tuple.Kind(tuple.Kinds) {
		if want := k == tuple.Error || k == tuple.Panic; k.Counts() != want {
			t.Errorf("%v counts: %t (rule P4)", k, k.Counts())
		}
	}
}

func TestKindsAsJSON(t *testing.T) {
	counts := map[tuple.Kind]int{}
	for k := range tuple.Kind(tuple.Kinds) {
		counts[k] = int(k)
	}
	b, err := json.Marshal(counts)
	if want := `{"error":0,"lost":3,"panic":1,"rejected":4,"revoked":5,"shutdown":6,"timeout":2}`; err != nil || string(b) != want {
		t.Errorf("%s, %v, want %s", b, err, want)
	}
	var back map[tuple.Kind]int
	if err := json.Unmarshal(b, &back); err != nil || !maps.Equal(back, counts) {
		t.Errorf("back: %v, %v", back, err)
	}
	if err := json.Unmarshal([]byte(`{"4":1}`), &back); err == nil || !strings.Contains(err.Error(), `no kind of failure is named "4"`) {
		t.Errorf("a number: %v", err)
	}
}

// ledger is a Holder that remembers.
type ledger struct {
	settled  []string
	together [][]uint32
}

func (l *ledger) Settle(slot, gen uint32, err error) {
	l.settled = append(l.settled, fmt.Sprint(slot, ".", gen, " ", err))
}

func (l *ledger) AckAll(held []tuple.Held) {
	var slots []uint32
	for _, h := range held {
		_, slot, _ := h.Slot()
		slots = append(slots, slot)
	}
	l.together = append(l.together, slots)
}

func TestHeldTellsItsHolder(t *testing.T) {
	var l ledger
	tuple.NewHeld(&l, 1, 2).Ack()
	tuple.NewHeld(&l, 3, 4).Fail(errors.New("no"))
	tuple.NewHeld(&l, 5, 6).Fail(nil)
	want := []string{"1.2 <nil>", "3.4 no", "5.6 error: failed by the bolt"}
	if !slices.Equal(l.settled, want) {
		t.Errorf("got %q, want %q", l.settled, want)
	}
	tuple.Held{}.Ack() // the zero Held does nothing
	tuple.Held{}.Fail(nil)
}

func TestAckAllGoesByHolder(t *testing.T) {
	var a, b ledger
	tuple.AckAll([]tuple.Held{
		tuple.NewHeld(&a, 1, 0), tuple.NewHeld(&a, 2, 0), {}, tuple.NewHeld(&b, 3, 0), tuple.NewHeld(&a, 4, 0),
	})
	if fmt.Sprint(a.together) != "[[1 2] [4]]" || fmt.Sprint(b.together) != "[[3]]" {
		t.Errorf("a %v, b %v", a.together, b.together)
	}
}

func ExampleTask_Counter() {
	var all tuple.Counters
	for i := range 3 {
		task := tuple.Task{Component: "decode", Index: i, Count: 3}.WithCounters(&all)
		task.Counter("records").Add(10)
	}
	fmt.Println(all.Sums())
	tuple.Task{}.Counter("nobody shows it").Add(1)
	// Output: map[records:30]
}

func ExampleFailure() {
	var err error = tuple.Failure{Kind: tuple.Rejected, Component: "decode", Text: "not Avro"}
	if why, ok := errors.AsType[tuple.Failure](err); ok && !why.Kind.Counts() {
		fmt.Println(err)
	}
	// Output: rejected in decode: not Avro
}

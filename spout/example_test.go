package spout_test

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"github.com/waterspout/waterspout/spout"
	"github.com/waterspout/waterspout/tuple"
)

// printing is an engine that prints what it is given and acks it at once; "flaky" is
// failed the first time and "bad" is rejected.
type printing struct {
	tracker spout.Tracker
	flaked  bool
}

func (p *printing) Emit(v string) bool {
	fmt.Println(v)
	return true
}

func (p *printing) EmitID(v string, id uint64) bool {
	fmt.Println(v)
	switch {
	case p.tracker == nil:
	case v == "bad":
		p.tracker.Fail(id, spout.Failure{Kind: tuple.Rejected, Component: "parse", Text: "not a number"})
	case v == "flaky" && !p.flaked:
		p.flaked = true
		p.tracker.Fail(id, spout.Failure{Kind: tuple.Error})
	default:
		p.tracker.Ack(id)
	}
	return true
}

func run(s spout.Spout[string]) {
	p := &printing{}
	p.tracker, _ = s.(spout.Tracker)
	if err := s.Run(context.Background(), spout.NewEmitter(p)); err != nil {
		fmt.Println(err)
	}
}

func ExampleFromSlice() {
	newSpout := spout.FromSlice([]string{"to be or not", "to be"})
	run(newSpout()) // topology.Spout(b, "lines", newSpout)
	// Output:
	// to be or not
	// to be
}

func ExampleFromSeq() {
	ages := map[string]int{"ann": 30}
	run(spout.FromSeq(maps.Keys(ages))())
	// Output: ann
}

func ExampleReplay() {
	words := spout.FromSlice([]string{"flaky", "bad"})
	newSpout := spout.Replay(words, spout.Retry{Attempts: 5}, func(v string, why spout.Failure) {
		fmt.Println("dead:", v, "-", why)
	})
	run(newSpout())
	// Unordered output:
	// flaky
	// bad
	// dead: bad - rejected in parse: not a number
	// flaky
}

func ExampleFeed() {
	feed := spout.NewFeed[string]()
	done := make(chan struct{})
	go func() { // what a topology does with topology.Spout(b, "hooks", feed.New)
		defer close(done)
		run(feed.New())
	}()
	for _, v := range []string{"good", "bad"} {
		err := feed.Send(context.Background(), v)
		if why, ok := errors.AsType[spout.Failure](err); ok && why.Kind == tuple.Rejected {
			fmt.Println("422:", why.Text)
		} else {
			fmt.Println("200")
		}
	}
	feed.Close()
	<-done
	// Output:
	// good
	// 200
	// bad
	// 422: not a number
}

package tweets_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/waterspout/waterspout/internal/tweets"
	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/kafka/kafkatest"
)

func TestCheckFindsWhatWasDoneToTheOutput(t *testing.T) {
	broker := kafkatest.Start(t, "in:5", "out:3", "dead")
	ctx := t.Context()
	produce := func(topic string, records ...kafka.Record) {
		t.Helper()
		if err := broker.Produce(ctx, topic, records...); err != nil {
			t.Fatal(err)
		}
	}
	offsets := func(topic string) kafkatest.Offsets {
		t.Helper()
		o, err := broker.EndOffsets(ctx, topic)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	all := slices.Collect(tweets.New(1).Records(0, 1_000))
	bad := kafka.Of([]byte("no tweet"))

	produce("in", all[900:]...) // of another run
	produce("out", all[950:]...)
	in, out := tweets.Data{Topic: "in", From: offsets("in")}, tweets.Data{Topic: "out", From: offsets("out")}
	produce("in", all[:500]...)
	produce("in", bad, all[7]) // an input twice is no duplicate
	in.To = offsets("in")
	produce("in", all[800:]...) // after the run
	shuffled := slices.Concat(all[3:500], all[7:8])
	rand.Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
	produce("out", shuffled...)
	check := func(c tweets.Check, want tweets.Verdict) {
		t.Helper()
		got, err := c.Run(ctx, broker)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("-want +got\n%s", diff)
		}
	}
	dead := tweets.Data{Topic: "dead"}
	check(tweets.Check{In: in, Out: out}, tweets.Verdict{In: 502, Bad: 1, Out: 498, Missing: 3})
	check(tweets.Check{In: in, Out: out, Dead: dead}, tweets.Verdict{In: 502, Bad: 1, Out: 498, Missing: 4})
	produce("dead", bad)
	produce("out", all[:3]...)
	check(tweets.Check{In: in, Out: out, Dead: dead}, tweets.Verdict{In: 502, Bad: 1, Out: 502})
	produce("out", all[1], all[1], all[7], all[600])
	check(tweets.Check{In: in, Out: out, Dead: dead}, tweets.Verdict{In: 502, Bad: 1, Out: 506, Duplicates: 3, Phantoms: 1})
}

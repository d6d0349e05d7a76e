package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/waterspout/waterspout/internal/tweets"
	"github.com/waterspout/waterspout/kafka/kafkatest"
)

func TestMain(m *testing.M) {
	// sarama's metrics start one ticker per process and never stop it.
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction("github.com/rcrowley/go-metrics.(*meterArbiter).tick"))
}

// Three tweets in, three out in order, each counted once on its way in and out.
func TestThreeTweets(t *testing.T) {
	const want = `ANY_USER_1: ANY_TEXT_1
ANY_USER_2: ANY_TEXT_2
ANY_USER_3: ANY_TEXT_3
Kafka messages consumed: 3
Kafka messages produced: 3
`
	for name := range models {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		var out bytes.Buffer
		if err := run(ctx, []string{"-model", name}, &out); err != nil || out.String() != want {
			t.Errorf("%s: %v, got\n%s", name, err, out.String())
		}
	}
}

// Both do the same with many tweets, in a Kafka that was there before.
func TestManyTweets(t *testing.T) {
	const n = 3000
	for name := range models {
		broker := kafkatest.Start(t, "zerg.hydra:5", "zerg.hydra.out:5")
		if err := broker.Fill(t.Context(), "zerg.hydra", tweets.New(1).Records(0, n)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		var out bytes.Buffer
		done := make(chan error, 1)
		go func() {
			done <- run(ctx, []string{"-model", name, "-brokers", strings.Join(broker.Addrs(), ",")}, &out)
		}()
		for {
			ends, err := broker.EndOffsets(t.Context(), "zerg.hydra.out")
			if err != nil {
				t.Fatal(err)
			}
			if ends.Sum() >= n || ctx.Err() != nil {
				break
			}
			<-time.After(20 * time.Millisecond)
		}
		cancel()
		if err := <-done; err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		v, err := tweets.Check{In: tweets.Data{Topic: "zerg.hydra"}, Out: tweets.Data{Topic: "zerg.hydra.out"}}.Run(t.Context(), broker)
		if err != nil || !v.OK() {
			t.Errorf("%s: %+v, %v", name, v, err)
		}
		lines := strings.Split(out.String(), "\n")
		for _, counter := range []string{consumed, produced} {
			if want := fmt.Sprintf("%s: %d", counter, n); !slices.Contains(lines, want) {
				t.Errorf("%s: no %q in\n%s", name, want, out.String())
			}
		}
	}
}

func TestMistakes(t *testing.T) {
	broker := kafkatest.Start(t, "zerg.hydra")
	for want, args := range map[string][]string{
		"-model storm: want microbatch or topology": {"-model", "storm"},
		"no Kafka at 127.0.0.1:1":                   {"-brokers", "127.0.0.1:1"},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
		defer cancel()
		if err := run(ctx, args, new(bytes.Buffer)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v", args, err)
		}
	}
	for name := range models {
		for _, flag := range []string{"-in", "-out"} {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			args := []string{"-model", name, "-brokers", strings.Join(broker.Addrs(), ","), flag, "nowhere"}
			err := run(ctx, args, new(bytes.Buffer))
			if err == nil || !strings.Contains(err.Error(), "topic nowhere") || !strings.Contains(err.Error(), "create it") || strings.Contains(err.Error(), "\n") {
				t.Errorf("%v: %v", args, err)
			}
		}
	}
}

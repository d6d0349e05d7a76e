//go:build unix

package main

import (
	"bytes"
	"fmt"
	"net"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/waterspout/waterspout/internal/tweets"
	"github.com/waterspout/waterspout/kafka"
	"github.com/waterspout/waterspout/kafka/kafkatest"
	"github.com/waterspout/waterspout/transport/natsserver"
)

func TestTheJobInOneProcess(t *testing.T) {
	p, r := runs(t, 0, "-n", "20000")
	p.numbers(map[string]float64{"read": 20000, "written": 20000, "acked": 20000,
		"failed": 0, "replayed": 0, "missing": 0, "duplicates": 0})
	for _, key := range []string{"seconds", "per_second", "p50_ms", "p99_ms", "cpu_s_per_million"} {
		if r[key] == nil || *r[key] <= 0 {
			t.Errorf("%s is %s", key, show(r[key]))
		}
	}
	p.says(&p.stdout, "missing 0, duplicates 0", "Kafka messages consumed: 20,000", "Kafka messages produced: 20,000", "peak memory")
	p.says(&p.stderr, "filling zerg.hydra: 20,000 of 20,000", "running: 20,000 of 20,000", "checking: 40,000")
}

func TestQuietIsQuiet(t *testing.T) {
	p, _ := runs(t, 0, "-n", "1000", "-q", "-log", "json")
	if p.stderr.Len() > 0 {
		t.Errorf("stderr has %q", &p.stderr)
	}
}

func TestFillingBesideTheJob(t *testing.T) {
	p, _ := runs(t, 0, "-n", "3000", "-rate", "3000")
	p.numbers(map[string]float64{"read": 3000, "acked": 3000, "missing": 0, "duplicates": 0})
}

func TestASecondRunOnTheSameBroker(t *testing.T) {
	broker := kafkatest.Start(t)
	for range 2 {
		p, _ := runs(t, 0, "-n", "3000", "-brokers", strings.Join(broker.Addrs(), ","))
		p.numbers(map[string]float64{"read": 3000, "acked": 3000, "missing": 0, "duplicates": 0})
	}
}

// Three tweets in, three out, in their order: the article's own test.
func TestThreeTweetsStayInOrder(t *testing.T) {
	broker := kafkatest.Start(t, "in:1", "out:1")
	runs(t, 0, "-n", "3", "-brokers", strings.Join(broker.Addrs(), ","), "-in", "in", "-out", "out",
		"-spouts", "1", "-decoders", "1", "-encoders", "1", "-writers", "1")
	var values [2][]string
	for i, topic := range []string{"in", "out"} {
		records, err := broker.Read(t.Context(), topic)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range records {
			values[i] = append(values[i], string(r.Value))
		}
	}
	if len(values[0]) != 3 || !slices.Equal(values[0], values[1]) {
		t.Errorf("in %q, out %q", values[0], values[1])
	}
}

func TestEveryInjectedFailureIsReplayed(t *testing.T) {
	p, r := runs(t, 0, "-n", "20000", "-fail", "0.01")
	p.numbers(map[string]float64{"read": 20000, "written": 20000, "acked": 20000, "missing": 0, "duplicates": 0})
	injected := regexp.MustCompile(`failures injected: (\d+)`).FindStringSubmatch(p.stdout.String())
	if injected == nil {
		t.Fatal("no failures injected")
	}
	if n := injected[1]; show(r["replayed"]) != n || show(r["failed"]) != n {
		t.Errorf("replayed %s and failed %s of %s", show(r["replayed"]), show(r["failed"]), n)
	}
}

// bad are records that are no tweets: a tombstone, a cut one, hostile lengths.
var bad = []kafka.Record{
	kafka.Of(nil), kafka.Of([]byte("x")), kafka.Of([]byte{0xfe, 0xff, 0xff, 0xff, 0x0f}),
}

func TestBadRecordsAreDroppedOrDeadLetters(t *testing.T) {
	broker := kafkatest.Start(t, "zerg.hydra:5")
	addrs := strings.Join(broker.Addrs(), ",")
	if err := broker.Produce(t.Context(), "zerg.hydra", bad...); err != nil {
		t.Fatal(err)
	}
	p, _ := runs(t, 0, "-n", "1000", "-brokers", addrs)
	p.numbers(map[string]float64{"acked": 1003, "written": 1000, "missing": 0, "duplicates": 0})
	p.says(&p.stdout, "bad records dropped by decode: 3", "bad records: 3")

	if err := broker.Produce(t.Context(), "zerg.hydra", bad...); err != nil {
		t.Fatal(err)
	}
	p, _ = runs(t, 0, "-n", "1000", "-brokers", addrs, "-dead", "zerg.hydra.dead")
	p.numbers(map[string]float64{"failed": 3, "acked": 1000, "written": 1000, "replayed": 0, "missing": 0, "duplicates": 0})
	p.says(&p.stdout, "dead letters written: 3")
}

func TestDeadLettersWhileFollowing(t *testing.T) {
	w := newWorld(t)
	p := w.follow("-dead", "dead")
	g := tweets.New(3)
	for i := range uint64(10) {
		if err := w.broker.Fill(t.Context(), "in", g.Records(i*100, (i+1)*100)); err != nil {
			t.Fatal(err)
		}
		if err := w.broker.Produce(t.Context(), "in", bad...); err != nil {
			t.Fatal(err)
		}
	}
	w.awaitEnd()
	p.end()
	p.numbers(map[string]float64{"acked": 1000, "failed": 30, "replayed": 0})
	check := tweets.Check{In: w.in, Out: w.out, Dead: tweets.Data{Topic: "dead"}}
	if v := w.check(check); !v.OK() || v.Bad != 30 || v.In != 1030 {
		t.Errorf("%+v", v)
	}
	letters, err := w.broker.Read(t.Context(), "dead")
	if err != nil || len(letters) != 30 {
		t.Fatal(len(letters), err)
	}
	if got := fmt.Sprint(letters[0].Headers); !strings.Contains(got, kafka.HeaderReason) {
		t.Error("a dead letter without reason:", got)
	}
}

func TestMistakesAreOneLine(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := listener.Addr().String()
	listener.Close()
	addrs := strings.Join(kafkatest.Start(t, "here").Addrs(), ",")
	bare := startNATS(t, natsserver.Options{NoJetStream: true}).URL()
	for _, test := range []struct {
		args   string
		status int
		says   string
	}{
		{"-n many", 2, "-n"},
		{"-rate -1", 2, "-rate"},
		{"-fail 1", 2, "-fail"},
		{"-spouts 0", 2, "-spouts"},
		{"-log xml", 2, "-log"},
		{"-out zerg.hydra", 2, "different topics"},
		{"-follow", 2, "-brokers"},
		{"tweets", 2, "tweets"},
		{"-workers -1", 2, "-workers"},
		{"-workers 2 -follow -brokers " + addrs, 2, "-follow"},
		{"-workers 2 -nats " + bare, 2, "-nats"},
		{"-kill 3s", 2, "-workers"},
		{"-kill -3s -workers 2", 2, "-kill"},
		{"-nats " + bare, 2, "-follow"},
		{"-stats", 2, "-nats"},
		{"-stats -follow -nats " + bare, 2, "-stats"},
		{"-q -follow -in here -out zerg -brokers " + addrs + " -nats " + bare, 1, "JetStream"},
		{"-q -follow -in here -out zerg -brokers " + addrs + " -nats nats://nats.example", 1, "plaintext"},
		{"-q -follow -in here -out zerg -brokers " + addrs + " -nats " + bare + " -creds not.there", 1, "not.there"},
		{"-q -brokers " + nobody, 1, nobody},
		{"-q -follow -brokers " + nobody, 1, nobody},
		{"-q -follow -in not.there -out here -brokers " + addrs, 1, "not.there"},
		{"-q -follow -in here -out not.there -brokers " + addrs, 1, "not.there"},
		{"-q -follow -in here -out zerg -dead not.there -brokers " + addrs, 1, "not.there"},
	} {
		t.Run(test.args, func(t *testing.T) {
			p := start(t, append(strings.Fields(test.args), "-json")...)
			p.wait(20e9, test.status)
			p.says(&p.stderr, test.says)
			if n := strings.Count(p.stderr.String(), "\n"); n != 1 {
				t.Errorf("%d lines instead of one", n)
			}
			if test.status == 1 {
				for key, n := range p.report() {
					if n != nil {
						t.Errorf("%s is %v instead of null", key, *n)
					}
				}
			}
		})
	}
}

func TestNoGoroutineIsLeft(t *testing.T) { // TestMain looks
	var stdout, stderr bytes.Buffer
	if status := run([]string{"-n", "2000", "-spouts", "2"}, &stdout, &stderr); status != 0 {
		t.Fatalf("exit status %d\n%s%s", status, &stdout, &stderr)
	}
}

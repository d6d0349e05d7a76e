package tweets_test

import (
	"testing"
	"unicode/utf8"

	"github.com/waterspout/waterspout/avro"
	"github.com/waterspout/waterspout/internal/tweets"
)

func TestTweetsAreUniqueReproducibleAndOfTheRightLength(t *testing.T) {
	const n = 20_000
	g, same, other := tweets.New(7), tweets.New(7), tweets.New(8)
	users := map[string]bool{}
	foreign, differ := 0, 0
	for i := range uint64(n) {
		tweet := g.Tweet(i)
		if users[tweet.Username] {
			t.Fatalf("tweet %d: user %s twice", i, tweet.Username)
		}
		users[tweet.Username] = true
		if runes := utf8.RuneCountInString(tweet.Text); runes < 60 || runes > 280 {
			t.Fatalf("tweet %d has %d characters", i, runes)
		}
		if !utf8.ValidString(tweet.Text) {
			t.Fatalf("tweet %d is no UTF-8", i)
		}
		if len(tweet.Text) > utf8.RuneCountInString(tweet.Text) {
			foreign++
		}
		if tweet != same.Tweet(i) {
			t.Fatalf("tweet %d differs between equal seeds", i)
		}
		if tweet != other.Tweet(i) {
			differ++
		}
	}
	if foreign < n/10 || foreign > n*9/10 {
		t.Errorf("%d of %d tweets are not ASCII", foreign, n)
	}
	if differ < n*9/10 {
		t.Errorf("only %d of %d tweets depend on the seed", differ, n)
	}
}

func TestRecordsAreTheTweetsEncoded(t *testing.T) {
	codec := avro.Must(avro.New[tweets.Tweet](tweets.Schema))
	g := tweets.New(1)
	next, bytes := uint64(500), 0
	for r := range g.Records(500, 5_500) {
		if !tweets.Valid(r.Value) {
			t.Fatalf("tweet %d is not valid", next)
		}
		var got tweets.Tweet
		if err := codec.Decode(r.Value, &got); err != nil {
			t.Fatal(err)
		}
		if want := g.Tweet(next); got != want {
			t.Fatalf("tweet %d: got %v, want %v", next, got, want)
		}
		bytes += len(r.Value)
		next++
	}
	if next != 5_500 {
		t.Errorf("ended at %d", next)
	}
	if average := bytes / 5_000; average < 117 || average > 180 {
		t.Errorf("a tweet is %d bytes on average", average)
	}
}

func TestValidRefusesWhatIsNoTweet(t *testing.T) {
	var value []byte
	for r := range tweets.New(1).Records(0, 1) {
		value = r.Value
	}
	for n := range value {
		if tweets.Valid(value[:n]) {
			t.Errorf("valid when cut to %d of %d bytes", n, len(value))
		}
	}
	for _, bad := range [][]byte{nil, append(value, 0), {1}, {0xfe, 0xff, 0xff, 0xff, 0x0f}} {
		if tweets.Valid(bad) {
			t.Errorf("%x is valid", bad)
		}
	}
}

func BenchmarkRecords(b *testing.B) {
	g := tweets.New(1)
	n := 0
	for range g.Records(0, uint64(b.N)) {
		n++
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds()/1e6, "M/s")
}

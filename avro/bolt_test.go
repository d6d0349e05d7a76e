package avro_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/big"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/waterspout/waterspout/avro"
	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/tuple"
)

// outbox is a port.Collector that keeps what is emitted.
type outbox[O any] struct{ got []O }

func (o *outbox[O]) Emit(v O, _ []tuple.Held)                   { o.got = append(o.got, v) }
func (o *outbox[O]) Side(any) any                               { return nil }
func (o *outbox[O]) Hold() tuple.Held                           { return tuple.Held{} }
func (o *outbox[O]) Go(int, func(context.Context) func() error) { panic("not used") }
func collect[O any]() (*outbox[O], *bolt.Collector[O]) {
	o := &outbox[O]{}
	return o, bolt.NewCollector[O](o)
}

// message stands for a record of whatever source.
type message struct {
	Key, Body []byte
}

func body(m message) []byte     { return m.Body }
func withBody(b []byte) message { return message{Body: b} }

var (
	_ bolt.Bolt[message, tweet] = (*avro.Decode[message, tweet])(nil)
	_ bolt.Bolt[tweet, message] = (*avro.Encode[tweet, message])(nil)
)

func TestDecodeAndEncodeAreInverse(t *testing.T) {
	messages, toMessages := collect[message]()
	enc := avro.Encoder(tweets, withBody)()
	var want []tweet
	for i := range 3000 { // several buffers, some values larger than one
		tw := tweet{fmt.Sprint("user-", i), strings.Repeat("x", i*i%100_000), int64(i)}
		want = append(want, tw)
		if err := enc.Execute(t.Context(), tw, toMessages); err != nil {
			t.Fatal(err)
		}
	}
	got, toTweets := collect[tweet]()
	dec := avro.Decoder(tweets, body)()
	for _, m := range messages.got {
		if err := dec.Execute(t.Context(), m, toTweets); err != nil {
			t.Fatal(err)
		}
		clear(m.Body)
	}
	for i := range want {
		if got.got[i] != want[i] {
			t.Fatalf("tweet %d came back as %.60v, want %.60v", i, got.got[i], want[i])
		}
	}
}

func TestEncodedBytesAreTheReceivers(t *testing.T) {
	got, out := collect[[]byte]()
	enc := avro.Encoder(tweets, func(b []byte) []byte { return b })()
	want, _ := tweets.Append(nil, newTweet())
	for range 1000 {
		if err := enc.Execute(t.Context(), newTweet(), out); err != nil {
			t.Fatal(err)
		}
	}
	for _, b := range got.got {
		_ = append(b, "!!!!"...) // must not reach the next one
	}
	for i, b := range got.got {
		if !bytes.Equal(b, want) {
			t.Fatalf("encoding %d = %x, want %x", i, b, want)
		}
		clear(b) // must not reach the others
	}
}

func TestBadPayloads(t *testing.T) {
	bad := message{Body: []byte{2, 'u', 0x80}}
	cases := []struct {
		name    string
		dec     func() *avro.Decode[message, tweet]
		outcome func(error) bool
	}{
		{"rejected by default", avro.Decoder(tweets, body), bolt.IsReject},
		{"dropped", avro.Decoder(tweets, body, bolt.Drop), bolt.IsDrop},
		{"fatal", avro.Decoder(tweets, body, bolt.Fatal), bolt.IsFatal},
		{"failed", avro.Decoder(tweets, body, avro.Fail), func(err error) bool {
			return err != nil && !bolt.IsReject(err) && !bolt.IsDrop(err) && !bolt.IsFatal(err)
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			got, out := collect[tweet]()
			dec := c.dec()
			if err := dec.Execute(t.Context(), bad, out); !c.outcome(err) {
				t.Errorf("outcome of a truncated payload: %v", err)
			}
			if err := dec.Execute(t.Context(), message{}, out); !c.outcome(err) || !errors.Is(err, avro.ErrEmpty) {
				t.Errorf("outcome of a tombstone: %v", err)
			}
			b, _ := tweets.Append(nil, newTweet())
			if err := dec.Execute(t.Context(), message{Body: b}, out); err != nil {
				t.Errorf("a good payload after bad ones: %v", err)
			}
			if len(got.got) != 1 || got.got[0] != newTweet() {
				t.Errorf("emitted %v", got.got)
			}
		})
	}
}

func TestBadValueIsRejected(t *testing.T) {
	got, out := collect[[]byte]()
	enc := avro.Encoder(orders, func(b []byte) []byte { return b })()
	want, _ := orders.Append(nil, newOrder())
	bad := newOrder()
	bad.State = "lost"
	for range 2 {
		if err := enc.Execute(t.Context(), newOrder(), out); err != nil {
			t.Fatal(err)
		}
		if err := enc.Execute(t.Context(), bad, out); !bolt.IsReject(err) {
			t.Errorf("outcome of a value that does not fit: %v", err)
		}
	}
	for _, b := range got.got {
		if !bytes.Equal(b, want) {
			t.Errorf("encoded %x beside bad values, want %x", b, want)
		}
	}
}

func TestBoltsAreNamedByTheirSchema(t *testing.T) {
	if got := avro.Decoder(tweets, body)().Name(); got != tweets.Name() {
		t.Errorf("Decode.Name() = %q, want %q", got, tweets.Name())
	}
	if got := avro.Encoder(tweets, withBody)().Name(); got != tweets.Name() {
		t.Errorf("Encode.Name() = %q, want %q", got, tweets.Name())
	}
}

type shouting string

func (s *shouting) UnmarshalText(b []byte) error {
	switch *s = shouting(b); *s {
	case "x":
		panic("no")
	case "y":
		return errors.New("not y")
	}
	return nil
}

func (s shouting) MarshalText() ([]byte, error) { return []byte(s), nil }

func TestPanicsAreErrors(t *testing.T) {
	c := avro.Must(avro.New[shouting](`"string"`))
	b, err := c.Append(nil, "x")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.Decode(b, new(shouting)); err == nil || err.Error() != "avro: panic: no" {
		t.Errorf("Decode() = %v", err)
	}
	got, out := collect[shouting]()
	d := avro.Decoder(c, body)()
	for _, s := range []shouting{"x", "a", "y", "b"} {
		b, _ := c.Append(nil, s)
		_ = d.Execute(t.Context(), message{Body: b}, out)
	}
	if len(got.got) != 2 || got.got[0] != "a" || got.got[1] != "b" {
		t.Errorf("a task that met errors decodes %v", got.got)
	}
}

// sink is a port.Collector that keeps nothing.
type sink[O any] struct{ outbox[O] }

func (*sink[O]) Emit(O, []tuple.Held) {}

func TestAllocations(t *testing.T) {
	ctx := t.Context()
	flat := avro.Must(avro.New[int64](`"long"`))
	dec := avro.Decoder(flat, body)()
	longs := bolt.NewCollector[int64](&sink[int64]{})
	in := message{Body: varint(1 << 40)}
	if n := testing.AllocsPerRun(1000, func() { _ = dec.Execute(ctx, in, longs) }); n > 0 {
		t.Errorf("decoding a long allocates %v times", n)
	}
	// Two strings of a tweet come from slabs of 1 KiB that hold eight or so.
	b, _ := tweets.Append(nil, tweet{"user-000001", strings.Repeat("x", 100), 1})
	in.Body = b
	decT := avro.Decoder(tweets, body)()
	outT := bolt.NewCollector[tweet](&sink[tweet]{})
	if n := testing.AllocsPerRun(1000, func() { _ = decT.Execute(ctx, in, outT) }); n > 0 {
		t.Errorf("decoding a tweet allocates %v times", n)
	}
	enc := avro.Encoder(tweets, withBody)()
	out := bolt.NewCollector[message](&sink[message]{})
	tw := newTweet()
	if n := testing.AllocsPerRun(1000, func() { _ = enc.Execute(ctx, tw, out) }); n > 0 {
		t.Errorf("encoding a tweet allocates %v times", n)
	}
	buf := make([]byte, 0, 1024)
	if n := testing.AllocsPerRun(1000, func() { _, _ = tweets.Append(buf, tw) }); n > 0 && !raceEnabled {
		t.Errorf("Append of a tweet allocates %v times", n)
	}
}

func TestValuesShareNothing(t *testing.T) {
	got, out := collect[order]()
	d := avro.Decoder(orders, body)()
	first, second := newOrder(), newOrder()
	note := "another"
	second.Note, second.First, second.Proof = &note, nil, nil
	second.Lines[0].Sku, second.Tags = "other", map[string][]byte{}
	for _, o := range []order{first, second, first} {
		b, err := orders.Append(nil, o)
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Execute(t.Context(), message{Body: b}, out); err != nil {
			t.Fatal(err)
		}
	}
	same := cmp.Comparer(func(a, b *big.Rat) bool { return a.Cmp(b) == 0 })
	if diff := cmp.Diff([]order{first, second, first}, got.got, same); diff != "" {
		t.Errorf("values of one task mix (-want +got):\n%s", diff)
	}
}

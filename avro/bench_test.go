package avro_test

import (
	"reflect"
	"testing"
	"unsafe"

	hamba "github.com/hamba/avro/v2"
	"github.com/modern-go/reflect2"

	"github.com/waterspout/waterspout/avro"
	"github.com/waterspout/waterspout/bolt"
)

// guarded is the bolt. The others are hamba without a check: unmarshal as its
// README has it, readval with a reader that is kept, cached with its compiled
// decoder kept, too, as the bolt does: the check's own price is the difference.
func BenchmarkDecode(b *testing.B) {
	b.Run("tweet", func(b *testing.B) { benchmarkDecode(b, tweets, tweetSchema, newTweet()) })
	b.Run("order", func(b *testing.B) { benchmarkDecode(b, orders, orderSchema, newOrder()) })
}

func benchmarkDecode[T any](b *testing.B, c *avro.Codec[T], schema string, v T) {
	src, err := c.Append(nil, v)
	if err != nil {
		b.Fatal(err)
	}
	s := hamba.MustParse(schema)
	b.Run("guarded", func(b *testing.B) {
		d := avro.Decoder(c, body)()
		out := bolt.NewCollector[T](&sink[T]{})
		in := message{Body: src}
		b.ReportAllocs()
		ctx := b.Context()
		for b.Loop() {
			if err := d.Execute(ctx, in, out); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("cached", func(b *testing.B) {
		d := &bare[T]{reads: hamba.DefaultConfig.DecoderOf(s, reflect2.Type2(reflect.TypeFor[*T]()))}
		d.read = hamba.NewReader(nil, 0)
		out := bolt.NewCollector[T](&sink[T]{})
		in := message{Body: src}
		b.ReportAllocs()
		for b.Loop() {
			if err := d.execute(in, out); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("readval", func(b *testing.B) {
		out := bolt.NewCollector[T](&sink[T]{})
		r, v := hamba.NewReader(nil, 0), new(T)
		b.ReportAllocs()
		for b.Loop() {
			*v = *new(T)
			r.Reset(src).ReadVal(s, v)
			if r.Error != nil {
				b.Fatal(r.Error)
			}
			out.Emit(*v)
		}
	})
	b.Run("unmarshal", func(b *testing.B) {
		out := bolt.NewCollector[T](&sink[T]{})
		b.ReportAllocs()
		for b.Loop() {
			var v T
			if err := hamba.Unmarshal(s, src, &v); err != nil {
				b.Fatal(err)
			}
			out.Emit(v)
		}
	})
}

type bare[T any] struct {
	value T
	read  *hamba.Reader
	reads hamba.ValDecoder
}

func (d *bare[T]) execute(in message, out *bolt.Collector[T]) error {
	d.value = *new(T)
	d.read.Reset(in.Body)
	d.reads.Decode(unsafe.Pointer(&d.value), d.read)
	if d.read.Error != nil {
		return d.read.Error
	}
	out.Emit(d.value)
	return nil
}

func BenchmarkEncode(b *testing.B) {
	s := hamba.MustParse(tweetSchema)
	b.Run("bolt", func(b *testing.B) {
		e := avro.Encoder(tweets, withBody)()
		out := bolt.NewCollector[message](&sink[message]{})
		v, ctx := newTweet(), b.Context()
		b.ReportAllocs()
		for b.Loop() {
			if err := e.Execute(ctx, v, out); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("codec", func(b *testing.B) {
		v := newTweet()
		var buf []byte
		b.ReportAllocs()
		for b.Loop() {
			buf, _ = tweets.Append(buf[:0], v)
		}
	})
	b.Run("marshal", func(b *testing.B) {
		v := newTweet()
		b.ReportAllocs()
		for b.Loop() {
			if _, err := hamba.Marshal(s, v); err != nil {
				b.Fatal(err)
			}
		}
	})
}

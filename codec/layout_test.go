package codec_test

import (
	"testing"
	"time"

	"github.com/waterspout/waterspout/codec"
)

type header struct {
	Key   string
	Value []byte
}

// record has the shape of kafka.Record.
type record struct {
	Topic     string
	Partition int32
	Offset    int64
	Key       []byte
	Value     []byte
	Time      time.Time
	Headers   []header
}

func newRecord() record {
	return record{
		Topic: "zerg.hydra", Partition: 3, Offset: 1_234_567, Key: []byte("user-001"),
		Value: make([]byte, 117), Time: time.Unix(1_700_000_000, 0).UTC(),
	}
}

func of[T any](t testing.TB) codec.Codec[T] {
	t.Helper()
	c, err := codec.Of[T]()
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func BenchmarkAppendRecord(b *testing.B) {
	c, r := of[record](b), newRecord()
	var buf []byte
	b.ReportAllocs()
	for b.Loop() {
		buf, _ = c.Append(buf[:0], r)
	}
}

func BenchmarkDecodeRecord(b *testing.B) {
	c := of[record](b)
	src, _ := c.Append(nil, newRecord())
	b.ReportAllocs()
	batch := make([]record, 1)
	for b.Loop() {
		batch[0] = record{}
		if err := c.Decode(src, &batch[0]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkJSON(b *testing.B) {
	c, r := codec.JSON[record](), newRecord()
	b.Run("append", func(b *testing.B) {
		var buf []byte
		for b.Loop() {
			buf, _ = c.Append(buf[:0], r)
		}
	})
	b.Run("decode", func(b *testing.B) {
		src, _ := c.Append(nil, r)
		for b.Loop() {
			var v record
			if err := c.Decode(src, &v); err != nil {
				b.Fatal(err)
			}
		}
	})
}

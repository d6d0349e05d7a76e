package kafkaio

import (
	"bytes"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/IBM/sarama"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy/xerial"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
	"pgregory.net/rapid"
)

// unpackers are the other side of each codec.
var unpackers = map[sarama.CompressionCodec]func([]byte) ([]byte, error){
	sarama.CompressionSnappy: xerial.Decode,
	sarama.CompressionLZ4:    func(b []byte) ([]byte, error) { return io.ReadAll(lz4.NewReader(bytes.NewReader(b))) },
	sarama.CompressionGZIP: func(b []byte) ([]byte, error) {
		r, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			return nil, err
		}
		return io.ReadAll(r)
	},
	sarama.CompressionZSTD: func(b []byte) ([]byte, error) {
		r, err := zstd.NewReader(nil)
		if err != nil {
			return nil, err
		}
		defer r.Close()
		return r.DecodeAll(b, nil)
	},
}

// A compression is used for one batch after the other, into memory that was used
// before, and each is a whole of its own.
func TestCompression(t *testing.T) {
	for codec, unpack := range unpackers {
		t.Run(codec.String(), func(t *testing.T) {
			conf := sarama.NewConfig()
			conf.Producer.Compression = codec
			c, err := newCompression(conf)
			if err != nil {
				t.Fatal(err)
			}
			var packed []byte
			rapid.Check(t, func(t *rapid.T) {
				raw := bytes.Repeat(rapid.SliceOfN(rapid.Byte(), 1, 300).Draw(t, "raw"), rapid.SampledFrom([]int{1, 2, 1000}).Draw(t, "times"))
				if packed, err = c.append(packed[:0], raw); err != nil {
					t.Fatal(err)
				}
				if got, err := unpack(packed); err != nil || !bytes.Equal(got, raw) {
					t.Fatalf("%d bytes became %d: %v", len(raw), len(got), err)
				}
			})
		})
	}
}

func TestCompressionLevel(t *testing.T) {
	var raw []byte
	for i := range 5000 {
		raw = strconv.AppendInt(raw, int64(i*i), 10)
	}
	packed := func(codec sarama.CompressionCodec, level int) int {
		conf := sarama.NewConfig()
		conf.Producer.Compression, conf.Producer.CompressionLevel = codec, level
		c, err := newCompression(conf)
		if err != nil {
			t.Fatal(err)
		}
		b, err := c.append(nil, raw)
		if err != nil {
			t.Fatal(err)
		}
		return len(b)
	}
	if fast, best := packed(sarama.CompressionGZIP, 1), packed(sarama.CompressionGZIP, 9); best >= fast {
		t.Errorf("gzip: %d bytes at level 1, %d at 9", fast, best)
	}
	packed(sarama.CompressionZSTD, 19)
	conf := sarama.NewConfig()
	conf.Producer.CompressionLevel = 77
	if _, err := (WriterOptions{Compression: sarama.CompressionGZIP, Sarama: conf}).producerConfig(); err == nil || !strings.Contains(err.Error(), "CompressionLevel 77") {
		t.Errorf("gzip of level 77: %v", err)
	}
}

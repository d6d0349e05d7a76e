package kafkaio

import (
	"bytes"
	"fmt"
	"io"

	"github.com/IBM/sarama"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy/xerial"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// A compression compresses the encoded records of batches as sarama does, with the
// same libraries and settings: sarama's own takes records only, which would have to
// be made again of the bytes that they are already. It belongs to one link's
// goroutine, and keeps its tables from batch to batch.
type compression struct {
	codec  sarama.CompressionCodec
	zstd   *zstd.Encoder
	stream stream // of gzip and lz4
}

// A stream is a compressing writer that may be used again.
type stream interface {
	io.WriteCloser
	Reset(io.Writer)
}

// newCompression makes that of a checked configuration.
func newCompression(conf *sarama.Config) (*compression, error) {
	c := &compression{codec: conf.Producer.Compression}
	level := conf.Producer.CompressionLevel
	usual := level == sarama.CompressionLevelDefault
	var err error
	switch c.codec {
	case sarama.CompressionNone, sarama.CompressionSnappy:
	case sarama.CompressionGZIP:
		if usual {
			level = gzip.DefaultCompression
		}
		c.stream, err = gzip.NewWriterLevel(nil, level)
	case sarama.CompressionLZ4:
		w := lz4.NewWriter(nil)
		err = w.Apply(lz4.BlockSizeOption(lz4.Block64Kb))
		c.stream = w
	case sarama.CompressionZSTD:
		speed := zstd.SpeedDefault
		if !usual {
			speed = zstd.EncoderLevelFromZstd(level)
		}
		c.zstd, err = zstd.NewWriter(nil, zstd.WithZeroFrames(true), zstd.WithEncoderLevel(speed), zstd.WithEncoderConcurrency(1))
	default:
		err = fmt.Errorf("unknown codec %d", c.codec)
	}
	return c, err
}

// append appends raw, compressed, to dst, which is empty. It is not for no codec.
func (c *compression) append(dst, raw []byte) ([]byte, error) {
	switch c.codec {
	case sarama.CompressionZSTD:
		return c.zstd.EncodeAll(raw, dst), nil
	case sarama.CompressionSnappy:
		return xerial.Encode(dst, raw), nil
	}
	out := bytes.NewBuffer(dst)
	c.stream.Reset(out)
	_, err := c.stream.Write(raw)
	if closed := c.stream.Close(); err == nil {
		err = closed
	}
	return out.Bytes(), err
}

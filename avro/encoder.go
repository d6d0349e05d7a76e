package avro

import (
	"context"

	hamba "github.com/hamba/avro/v2"

	"github.com/waterspout/waterspout/bolt"
)

// An Encode is one task of an [Encoder].
type Encode[T, O any] struct {
	task *task[T]
	wrap func([]byte) O
}

// Encoder makes the constructor of a bolt that emits what wrap makes of each
// input's encoding. The bytes are the receiver's and are never written again;
// they are cut from buffers of 64 KiB, so keeping some keeps their neighbours. A
// value that the schema does not allow is rejected.
func Encoder[T, O any](c *Codec[T], wrap func([]byte) O) func() *Encode[T, O] {
	return func() *Encode[T, O] {
		e := &Encode[T, O]{newTask(c), wrap}
		e.refill()
		return e
	}
}

// Execute emits the encoding of in.
func (e *Encode[T, O]) Execute(_ context.Context, in T, out *bolt.Collector[O]) error {
	e.task.value = in
	b, err := e.encode(&e.task.value)
	if err != nil {
		return bolt.Reject(err)
	}
	out.Emit(e.wrap(b))
	return nil
}

// Mapper is for the engine: it encodes without a Collector where it can.
func (e *Encode[T, O]) Mapper(of any) func(context.Context, *T, *O) error {
	if _, itself := of.(*Encode[T, O]); !itself {
		return nil
	}
	return func(_ context.Context, in *T, out *O) error {
		b, err := e.encode(in)
		if err != nil {
			return bolt.Reject(err)
		}
		*out = e.wrap(b)
		return nil
	}
}

// encode returns a slice of the writer's buffer. The writer is never reset: when
// its buffer is nearly full, or grew for a large value, a new one takes its place,
// so no slice is written twice.
func (e *Encode[T, O]) encode(in *T) ([]byte, error) {
	start := e.task.write.Buffered()
	if start > chunk-chunk/16 {
		e.refill()
		start = 0
	}
	if err := e.task.encode(in); err != nil {
		return nil, err
	}
	b := e.task.write.Buffer()
	return b[start:len(b):len(b)], nil
}

func (e *Encode[T, O]) refill() {
	e.task.write = hamba.NewWriter(nil, chunk, hamba.WithWriterConfig(e.task.codec.api))
}

// Name is the codec's name, for the topology's fingerprint.
func (e *Encode[T, O]) Name() string { return e.task.codec.Name() }

package avro

import (
	"context"

	"github.com/waterspout/waterspout/bolt"
)

// A Decode is one task of a [Decoder].
type Decode[I, T any] struct {
	task  *task[T]
	bytes func(I) []byte
	bad   func(error) error
}

// Decoder makes the constructor of a bolt that emits the value in the bytes of
// each input. The value shares no memory with the input.
//
// A payload that is not exactly one value of the schema, an empty one
// ([ErrEmpty]) included, can never succeed and is rejected: the spout writes the
// original record to its dead letter. Another outcome may be named as bad, one at
// most: bolt.Drop to count it and go on, bolt.Fatal to stop the topology, [Fail]
// to have it replayed, or any function that turns the error into the outcome.
//
//	avro.Decoder(tweets, kafka.Value, bolt.Drop)
func Decoder[I, T any](c *Codec[T], bytes func(I) []byte, bad ...func(error) error) func() *Decode[I, T] {
	outcome := bolt.Reject
	if len(bad) > 0 {
		outcome = bad[0]
	}
	return func() *Decode[I, T] { return &Decode[I, T]{newTask(c), bytes, outcome} }
}

// Fail is err: as the outcome of a bad payload it makes the spout replay the
// record, as if it might succeed later.
func Fail(err error) error { return err }

// Execute emits the value in the bytes of in.
func (d *Decode[I, T]) Execute(_ context.Context, in I, out *bolt.Collector[T]) error {
	if err := d.task.decode(d.bytes(in), &d.task.value); err != nil {
		return d.bad(err)
	}
	out.Emit(d.task.value)
	return nil
}

// Mapper is for the engine: it decodes without a Collector where it can.
func (d *Decode[I, T]) Mapper(of any) func(context.Context, *I, *T) error {
	if _, itself := of.(*Decode[I, T]); !itself {
		return nil
	}
	return func(_ context.Context, in *I, out *T) error {
		if err := d.task.decode(d.bytes(*in), out); err != nil {
			return d.bad(err)
		}
		return nil
	}
}

// Name is the codec's name, for the topology's fingerprint.
func (d *Decode[I, T]) Name() string { return d.task.codec.Name() }

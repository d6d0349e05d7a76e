// Package avro decodes and encodes Avro values, in bolts and as the codec of a
// stream. Values are Go structs; the schema is checked against the struct once.
//
// The work is done by hamba/avro, which trusts its input: truncated payloads
// decode without an error, a few hostile bytes allocate gigabytes or write
// outside of a slice. It is archived, so this will stay. The invariant of this
// package: hamba never sees a payload that is not, to the last byte, one value of
// the schema. A walk over the bytes proves that first; it allocates nothing and
// reads only lengths. With it, a Decode costs no more than hamba's own ReadVal
// does without, as it keeps the compiled decoder (BenchmarkDecode).
//
//	var tweets = avro.Must(avro.New[Tweet](schema))
//
//	decoded := topology.Bolt(raw.By(grouping.Shuffle), "decode", avro.Decoder(tweets, kafka.Value))
//	encoded := topology.Bolt(decoded.By(grouping.Shuffle), "encode", avro.Encoder(tweets, kafka.Of))
//
// hamba also writes some values as others without an error. Here they are errors: a
// decimal of more places than its scale, which a float nearly always is, or of more
// bytes than its fixed; a nil decimal, or nil pointer to a type that makes text of
// itself; a date, a timestamp or a time-millis out of its range. Four losses are the
// usual meaning and are none. A nil slice, map or byte slice comes back empty, unless
// the schema has a union with null there. A timestamp is cut to its unit, to the past. A
// time.Duration is cut to its unit, towards zero. A date is the day in UTC of its
// time.Time, whatever the time of day; before 1970 it has to be midnight, as hamba
// writes the wrong day otherwise. Not checked are what is in a uuid, and that a time
// of day is less than a day.
//
// A time.Time comes back in UTC. But a local timestamp is what a clock shows in
// time.Local, and comes back as a time at which it shows that: another instant in
// another zone, and perhaps in an hour that is shown twice.
//
// Payloads are bare Avro values, without a container file's header or a
// registry's schema id. A [Codec] may be used from any goroutine; a [Decode] or
// [Encode] belongs to its task.
package avro

import (
	"errors"
	"fmt"
	"strings"
	"sync"

	hamba "github.com/hamba/avro/v2"

	"github.com/waterspout/waterspout/codec"
)

// DefaultMaxBytes is the size of the largest payload that a Codec takes unless
// told otherwise. It is what a Kafka broker takes by default.
const DefaultMaxBytes = 1 << 20

// ErrEmpty is the error of a payload without bytes: a tombstone, most often. No
// value of a schema that [New] takes is empty.
var ErrEmpty = errors.New("avro: empty payload")

// A Codec turns values of T into Avro and back. It is a codec.Codec and
// codec.Named, so a stream may use it, too; make one with [New].
type Codec[T any] struct {
	api    hamba.API
	schema hamba.Schema
	reads  hamba.Schema // the same, but hamba reads a local timestamp as if in UTC
	part   part
	max    int
	tasks  *sync.Pool // of *task[T], for Append and Decode
}

var (
	_ codec.Codec[struct{}] = (*Codec[struct{}])(nil)
	_ codec.Named           = (*Codec[struct{}])(nil)
)

// New makes a codec for T, a struct as a rule, of a schema in JSON. It is an
// error if the schema does not parse or T does not fit it: every field of a
// record needs a field of the struct of the same name or `avro:"name"` tag, of a
// type that holds it: an Avro int is an int32 and a long an int64 or int, since a
// narrower one would lose bits without a word. A time of day is a time.Duration. A string
// may be a type that makes text of itself, if it does so both ways. Fields
// of the struct that the schema does not name are neither read nor written. A union of null and one other type is a pointer, or
// a slice for bytes and arrays; unions of more types, and recursive schemas, are
// refused.
func New[T any](schema string) (_ *Codec[T], err error) {
	defer contain(&err)
	c := &Codec[T]{max: DefaultMaxBytes, tasks: new(sync.Pool)}
	if c.schema, err = parse(schema); err != nil {
		return nil, err
	}
	// No name has a hyphen: this changes logical types, and texts that nobody reads.
	if c.reads, err = parse(strings.ReplaceAll(schema, `"local-timestamp-`, `"timestamp-`)); err != nil {
		return nil, err
	}
	c.setLimits()
	if c.part, err = fit[T](c.api, c.schema); err != nil {
		return nil, fmt.Errorf("avro: %w", err)
	}
	return c, nil
}

// parse uses a cache of its own, so that two codecs may define the same name.
func parse(schema string) (hamba.Schema, error) {
	s, err := hamba.ParseWithCache(schema, "", &hamba.SchemaCache{})
	if err != nil {
		return nil, fmt.Errorf("avro: schema does not parse: %w", err)
	}
	return s, nil
}

// Must is c, or a panic if err is not nil: for package variables.
func Must[T any](c *Codec[T], err error) *Codec[T] {
	if err != nil {
		panic(err)
	}
	return c
}

// MaxBytes is a copy of c that takes payloads of up to n bytes instead of
// [DefaultMaxBytes], in both directions. A decoded value takes a small multiple
// of that in memory.
func (c *Codec[T]) MaxBytes(n int) *Codec[T] {
	other := *c
	other.max, other.tasks = n, new(sync.Pool)
	other.setLimits()
	return &other
}

// setLimits configures hamba with what the check has already made sure of.
func (c *Codec[T]) setLimits() {
	c.api = hamba.Config{MaxByteSliceSize: c.max, MaxSliceAllocSize: c.max}.Freeze()
}

// Name is the schema's fingerprint.
func (c *Codec[T]) Name() string {
	sum := c.schema.Fingerprint()
	return fmt.Sprintf("avro %x", sum[:16])
}

// Append appends v to dst, as codec.Codec has it. It fails if v is not a value
// of the schema, such as an unknown symbol of an enum or a decimal that would have to
// be rounded; the package comment has the list.
func (c *Codec[T]) Append(dst []byte, v T) ([]byte, error) {
	t := c.task()
	t.value = v
	t.write.Reset(nil)
	err := t.encode(&t.value)
	if err == nil {
		dst = append(dst, t.write.Buffer()...)
	}
	c.release(t)
	return dst, err
}

// Decode sets *v from src, as codec.Codec has it. Nothing of *v points into src.
func (c *Codec[T]) Decode(src []byte, v *T) error {
	t := c.task()
	err := t.decode(src, &t.value)
	*v = t.value
	c.release(t)
	return err
}

func (c *Codec[T]) task() *task[T] {
	if t, ok := c.tasks.Get().(*task[T]); ok {
		return t
	}
	return newTask(c)
}

func (c *Codec[T]) release(t *task[T]) {
	t.value = *new(T)
	c.tasks.Put(t)
}

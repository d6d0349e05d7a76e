package avro

import (
	"fmt"
	"reflect"
	"unsafe"

	hamba "github.com/hamba/avro/v2"
	"github.com/modern-go/reflect2"
)

// chunk is the size of the buffers that encoded values are cut from.
const chunk = 64 << 10

// A task is what one goroutine needs to decode and encode: hamba's reader and
// writer, its compiled steps, and a place for a value. hamba takes the value
// by an unsafe.Pointer that the compiler cannot follow, so a local variable
// would be allocated each time.
type task[T any] struct {
	codec  *Codec[T]
	value  T
	read   *hamba.Reader
	write  *hamba.Writer
	reads  hamba.ValDecoder
	writes hamba.ValEncoder
	likes  bool // T's own word is a pointer, and writes takes that pointer
}

func newTask[T any](c *Codec[T]) *task[T] {
	typ := reflect2.Type2(reflect.TypeFor[T]())
	return &task[T]{
		codec:  c,
		read:   hamba.NewReader(nil, 0, hamba.WithReaderConfig(c.api)),
		write:  hamba.NewWriter(nil, 512, hamba.WithWriterConfig(c.api)),
		reads:  c.api.DecoderOf(c.reads, reflect2.PtrTo(typ)),
		writes: c.api.EncoderOf(c.schema, typ),
		likes:  typ.LikePtr(),
	}
}

// decode sets *v, which is in the heap, from src. hamba would reuse the slices of an
// old value, which somebody else may have by now, so it starts from zero.
func (t *task[T]) decode(src []byte, v *T) (err error) {
	*v = *new(T)
	if len(src) == 0 {
		return ErrEmpty
	}
	if len(src) > t.codec.max {
		return fmt.Errorf("avro: payload of %d bytes, more than the %d of MaxBytes", len(src), t.codec.max)
	}
	if err := t.codec.part.program.value(src); err != nil {
		return fmt.Errorf("avro: %w", err)
	}
	defer contain(&err)
	t.read.Error = nil
	t.read.Reset(src)
	// That this takes every byte is proved by the check, and that the two
	// agree by FuzzCheckAgreesWithHamba: asking hamba again would cost 10 ns.
	t.reads.Decode(unsafe.Pointer(v), t.read)
	if err := t.read.Error; err != nil {
		return fmt.Errorf("avro: %w", err)
	}
	if finish := t.codec.part.finish; finish != nil {
		return finish(reflect.ValueOf(v).Elem())
	}
	return nil
}

// encode appends *v, which is in the heap, to what t.write has.
func (t *task[T]) encode(v *T) (err error) {
	defer contain(&err)
	if guard := t.codec.part.guard; guard != nil {
		if err := guard(reflect.ValueOf(v).Elem()); err != nil {
			return fmt.Errorf("avro: %w", err)
		}
	}
	t.write.Error = nil
	start := t.write.Buffered()
	at := unsafe.Pointer(v)
	if t.likes {
		at = *(*unsafe.Pointer)(at)
	}
	t.writes.Encode(at, t.write)
	if err := t.write.Error; err != nil {
		return fmt.Errorf("avro: %w", err)
	}
	if n := t.write.Buffered() - start; n > t.codec.max {
		return fmt.Errorf("avro: value of %d bytes, more than the %d of MaxBytes", n, t.codec.max)
	}
	return nil
}

// contain turns a panic of hamba, or of a type's own text marshalling, into an
// error: the next record may be sound.
func contain(err *error) {
	if p := recover(); p != nil {
		*err = fmt.Errorf("avro: panic: %v", p)
	}
}

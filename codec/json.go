package codec

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// JSON is a codec by encoding/json, with all of its rules: unexported fields are
// left out, interfaces come back as maps, slices and float64, and what is not
// UTF-8 is replaced. It is for types that [Of] refuses and streams that are not
// busy: BenchmarkJSON beside BenchmarkAppendRecord tells the price.
func JSON[T any]() Codec[T] { return jsonCodec[T]{} }

type jsonCodec[T any] struct{}

// Name implements [Named]: fields of another name or tag are another format.
func (jsonCodec[T]) Name() string {
	var b strings.Builder
	b.WriteString("json ")
	describeJSON(&b, reflect.TypeFor[T](), map[reflect.Type]bool{})
	return b.String()
}

var marshalsJSON = reflect.TypeFor[json.Marshaler]()

// describeJSON writes what encoding/json makes of t, down to types that it has seen or that
// marshal themselves, which are told by their names.
func describeJSON(b *strings.Builder, t reflect.Type, seen map[reflect.Type]bool) {
	if seen[t] || t.Implements(marshalsJSON) || reflect.PointerTo(t).Implements(marshalsJSON) {
		b.WriteString(t.String())
		return
	}
	switch t.Kind() {
	case reflect.Struct:
		seen[t] = true
		b.WriteString("{")
		for i := range t.NumField() {
			if f := t.Field(i); f.IsExported() || f.Anonymous {
				fmt.Fprintf(b, "%s %q ", f.Name, f.Tag.Get("json"))
				describeJSON(b, f.Type, seen)
				b.WriteString(";")
			}
		}
		b.WriteString("}")
	case reflect.Map:
		seen[t] = t.Name() != "" // only what has a name can hold itself
		b.WriteString("map ")
		describeJSON(b, t.Key(), seen)
		b.WriteString(" ")
		describeJSON(b, t.Elem(), seen)
	case reflect.Pointer, reflect.Slice, reflect.Array:
		seen[t] = t.Name() != ""
		fmt.Fprintf(b, "%s ", t.Kind())
		describeJSON(b, t.Elem(), seen)
	default:
		b.WriteString(t.Kind().String())
	}
}

func (jsonCodec[T]) Append(dst []byte, v T) ([]byte, error) {
	b, err := json.Marshal(v)
	return append(dst, b...), err
}

func (jsonCodec[T]) Decode(src []byte, v *T) error { return json.Unmarshal(src, v) }

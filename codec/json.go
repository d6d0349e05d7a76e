package codec

import "encoding/json"

// JSON is a codec by encoding/json, with all of its rules: unexported fields are
// left out, interfaces come back as maps, slices and float64, and what is not
// UTF-8 is replaced. It is for types that [Of] refuses and streams that are not
// busy: BenchmarkJSON beside BenchmarkAppendRecord tells the price.
func JSON[T any]() Codec[T] { return jsonCodec[T]{} }

type jsonCodec[T any] struct{}

func (jsonCodec[T]) Name() string { return "json" }

func (jsonCodec[T]) Append(dst []byte, v T) ([]byte, error) {
	b, err := json.Marshal(v)
	return append(dst, b...), err
}

func (jsonCodec[T]) Decode(src []byte, v *T) error { return json.Unmarshal(src, v) }

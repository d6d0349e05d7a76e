package codec_test

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/waterspout/waterspout/codec"
)

type Order struct {
	ID    uint32
	Lines []string
}

// Most types need nothing: their layout is compiled.
func ExampleOf() {
	c, err := codec.Of[Order]()
	if err != nil {
		fmt.Println(err)
	}
	b, err := c.Append(nil, Order{7, []string{"tea", "milk"}})
	fmt.Printf("%q %v\n", b, err)
	var o Order
	fmt.Println(c.Decode(b, &o), o)
	// Output:
	// "\a\x03\x03tea\x04milk" <nil>
	// <nil> {7 [tea milk]}
}

// Errors and other interfaces do not travel: send their text.
func ExampleOf_refused() {
	_, err := codec.Of[struct{ Why error }]()
	fmt.Println(err)
	// Output: codec: struct { Why error }.Why: an error cannot travel between workers; name a codec with Stream.Codec
}

// JSON takes what Of refuses, at a price.
func ExampleJSON() {
	c := codec.JSON[map[string]any]()
	b, err := c.Append([]byte("> "), map[string]any{"a": 1, "b": nil})
	fmt.Println(string(b), err)
	// Output: > {"a":1,"b":null} <nil>
}

// celsius is a codec of one's own: two bytes, tenths of a degree.
type celsius struct{}

func (celsius) Append(dst []byte, v float64) ([]byte, error) {
	return binary.BigEndian.AppendUint16(dst, uint16(int16(v*10))), nil
}

func (celsius) Decode(src []byte, v *float64) error {
	if len(src) != 2 {
		return errors.New("celsius: not two bytes")
	}
	*v = float64(int16(binary.BigEndian.Uint16(src))) / 10
	return nil
}

func ExampleCodec() {
	var c codec.Codec[float64] = celsius{}
	b, _ := c.Append(nil, -17.5)
	var v float64
	fmt.Println(c.Decode(b, &v), v, len(b))
	// Output: <nil> -17.5 2
}

package avro_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/waterspout/waterspout/avro"
	"github.com/waterspout/waterspout/bolt"
)

type Point struct {
	X     int64
	Label *string `avro:"label"`
}

const pointSchema = `{"type":"record","name":"Point","fields":[
	{"name":"X","type":"long"},
	{"name":"label","type":["null","string"]}]}`

var points = avro.Must(avro.New[Point](pointSchema))

// A value on its way into bytes and back.
func ExampleNew() {
	b, err := points.Append(nil, Point{X: 7})
	if err != nil {
		fmt.Println(err)
	}
	var p Point
	if err := points.Decode(b, &p); err != nil {
		fmt.Println(err)
	}
	fmt.Println(b, p.X, p.Label)
	// Output: [14 0] 7 <nil>
}

// A struct that does not fit the schema is an error at once, not at the first
// record.
func ExampleNew_misfit() {
	type Point struct{ X int32 }
	_, err := avro.New[Point](`{"type":"record","name":"Point","fields":[{"name":"X","type":"long"}]}`)
	fmt.Println(err)
	// Output: avro: avro_test.Point.X: int32 does not hold Avro "long"
}

// A decoder bolt takes the bytes of any kind of input.
func ExampleDecoder() {
	decode := avro.Decoder(points, func(s string) []byte { return []byte(s) })()
	out, collector := collect[Point]()
	fmt.Println(decode.Execute(context.Background(), "\x0e\x00", collector), out.got[0].X)
	fmt.Println(decode.Execute(context.Background(), "\x0e\x02\x80\x80\x80\x01", collector))
	// Output:
	// <nil> 7
	// avro: avro_test.Point.Label: a length of 1048576 in front of 0 bytes
}

// Tombstones are dropped and counted here; other bad payloads are rejected, as
// they are by default.
func ExampleDecoder_tombstones() {
	outcome := func(err error) error {
		if errors.Is(err, avro.ErrEmpty) {
			return bolt.Drop(err)
		}
		return bolt.Reject(err)
	}
	decode := avro.Decoder(points, func(b []byte) []byte { return b }, outcome)()
	_, out := collect[Point]()
	fmt.Println(bolt.IsDrop(decode.Execute(context.Background(), nil, out)))
	fmt.Println(bolt.IsReject(decode.Execute(context.Background(), []byte{0x80}, out)))
	// Output:
	// true
	// true
}

// An encoder bolt wraps the bytes in what the next bolt takes: a record of
// Kafka, or a string here.
func ExampleEncoder() {
	encode := avro.Encoder(points, func(b []byte) string { return fmt.Sprintf("%x", b) })()
	out, collector := collect[string]()
	fmt.Println(encode.Execute(context.Background(), Point{X: -1}, collector), out.got)
	// Output: <nil> [0100]
}

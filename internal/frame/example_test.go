package frame_test

import (
	"fmt"

	"github.com/waterspout/waterspout/internal/frame"
	"github.com/waterspout/waterspout/tuple"
)

// A task's tuples become a section, the section a frame, and back.
func Example() {
	lin := tuple.Lineage{Link: tuple.Link{Root: tuple.NewRoot(9, 1), Edge: 0xa1}}
	body, _ := frame.AppendLineage(nil, &lin, 0)
	body, mark := frame.BeginValue(body)
	body = frame.EndValue(append(body, "hello"...), mark)

	f := frame.Begin(nil, "worker-1-5e2f")
	f = frame.AppendSection(f, frame.Section{To: frame.Address{Task: 3, Instance: 7}, Count: 1, Body: body})
	frame.Seal(f, frame.Header{Kind: frame.Data, Epoch: 42, Sequence: 1})

	h, from, rest, _ := frame.Open(f)
	s, _, _ := frame.NextSection(rest)
	r := frame.NewTuples(s.Body)
	got, value, _ := r.Next()
	fmt.Printf("%s %d/%d: %v %v %s\n", from, h.Epoch, h.Sequence, s.To, got.Root, value)

	f[len(f)-1] ^= 1
	_, _, _, err := frame.Open(f)
	fmt.Println(err)
	// Output:
	// worker-1-5e2f 42/1: {3 7} 9:1 hello
	// frame: the checksum is wrong
}

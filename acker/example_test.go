package acker_test

import (
	"fmt"

	"github.com/waterspout/waterspout/acker"
)

// A spout emits one tuple; a bolt makes two of it, which two other bolts consume.
func Example() {
	l := acker.New(1, 1024)
	const first, left, right = 0xa1, 0xb2, 0xc3 // edges, as tasks draw them

	root, _ := l.Open(7, first, 0)
	for _, word := range []uint64{first ^ left ^ right, right, left} {
		ended, event := l.Pair(acker.Pair{Root: root, Word: word}, 0)
		fmt.Println(event == acker.Done, ended.ID, l.Len())
	}
	// Output:
	// false 0 1
	// false 0 1
	// true 7 0
}

// A tree that times out ends, and is known to have been slow if it is done after
// all.
func ExampleLedger_Expire() {
	l := acker.New(1, 1024)
	const second = 1_000_000_000

	root, _ := l.Open(7, 5, 1*second)
	ended, next := l.Expire(nil, 20*second, 30*second, 300*second)
	fmt.Println(len(ended), next/second)
	ended, _ = l.Expire(ended, 31*second, 30*second, 300*second)
	fmt.Println(ended[0].ID)
	_, event := l.Pair(acker.Pair{Root: root, Word: 5}, 32*second)
	fmt.Println(event == acker.False)
	// Output:
	// 0 31
	// 7
	// true
}

// Timeouts halve how many trees may be open, acks let it grow back.
func ExampleWindow() {
	w := acker.NewWindow(1000, 30_000_000_000)
	w.Expired(60_000_000_000)
	fmt.Println(w.Size())
	w.Acked(w.Size())
	fmt.Println(w.Size())
	// Output:
	// 500
	// 531
}

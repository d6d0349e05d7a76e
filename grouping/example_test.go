package grouping_test

import (
	"fmt"
	"strings"

	"github.com/waterspout/waterspout/grouping"
)

type Order struct {
	Customer string
	Country  [2]byte
	Cents    int
}

func customerOf(o Order) string { return o.Customer }

// send is what an engine does with a grouping: it shows how many values of vs each
// task gets.
func send[T any](g grouping.Grouping[T], tasks int, vs ...T) []int {
	choose := g(grouping.Targets{Count: tasks})
	got := make([]int, tasks)
	for _, v := range vs {
		switch i := choose(v); i {
		case grouping.Everyone:
			for i := range got {
				got[i]++
			}
		case grouping.None:
			fmt.Println("no task for", v)
		default:
			got[i]++
		}
	}
	return got
}

func ExampleShuffle() {
	fmt.Println(send(grouping.Shuffle, 3, "a", "b", "c", "d", "e", "f"))
	// Output: [2 2 2]
}

func ExampleLocalOrShuffle() {
	choose := grouping.LocalOrShuffle[string](grouping.Targets{Count: 4, Local: []int{2}})
	fmt.Println(choose("a"), choose("b"))
	// Output: 2 2
}

func ExampleGlobal() {
	fmt.Println(send(grouping.Global, 3, "a", "b"))
	// Output: [2 0 0]
}

func ExampleAll() {
	fmt.Println(send(grouping.All, 3, "a", "b"))
	// Output: [2 2 2]
}

func ExampleValue() {
	choose := grouping.Value[string](grouping.Targets{Count: 20})
	first, again, other := choose("to"), choose("to"), choose("be")
	fmt.Println(first == again, first == other)
	// Output: true false
}

func ExampleFields() {
	choose := grouping.Fields(customerOf)(grouping.Targets{Count: 20})
	first, second := Order{Customer: "ann", Cents: 100}, Order{Customer: "ann", Cents: 999}
	fmt.Println(choose(first) == choose(second))
	// Output: true
}

func ExamplePartialKey() {
	busy := make([]Order, 1000)
	for i := range busy {
		busy[i].Customer = "everybody's shop"
	}
	tasks := 0
	for _, n := range send(grouping.PartialKey(customerOf), 20, busy...) {
		if n > 0 {
			fmt.Println("a task with", n)
			tasks++
		}
	}
	fmt.Println(tasks)
	// Output:
	// a task with 500
	// a task with 500
	// 2
}

func ExampleBytes() {
	place := func(o Order, buf []byte) []byte {
		buf = append(buf, o.Country[:]...)
		return append(buf, o.Customer...)
	}
	choose := grouping.Bytes(place)(grouping.Targets{Count: 20})
	ann := Order{Customer: "ann", Country: [2]byte{'D', 'E'}}
	other := Order{Customer: "ann", Country: [2]byte{'F', 'R'}}
	first, again, elsewhere := choose(ann), choose(ann), choose(other)
	fmt.Println(first == again, first == elsewhere)
	// Output: true false
}

func ExampleDirect() {
	bySize := func(o Order, tasks int) int { return o.Cents / 1000 }
	fmt.Println(send(grouping.Direct(bySize), 3, Order{Cents: 5}, Order{Cents: 2500}, Order{Cents: 2999}))
	// Output: [1 0 2]
}

// shouting is a grouping of one's own: loud words go to every task, the others to
// task 0. A named function has its name in a drawing of the topology.
func shouting(to grouping.Targets) grouping.Chooser[string] {
	return func(w string) int {
		if to.Count > 1 && strings.ToUpper(w) == w {
			return grouping.Everyone
		}
		return 0
	}
}

func ExampleGrouping() {
	fmt.Println(send(shouting, 3, "to", "BE", "or"))
	// Output: [3 1 1]
}

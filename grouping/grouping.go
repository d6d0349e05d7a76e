// Package grouping decides which task of the reading component a tuple goes to.
//
// A [Grouping] is a function that is called once for each sending task and each
// stream it sends, and returns that task's [Chooser], which is called once per
// tuple. There are two forms of them in this package:
//
//   - [Shuffle], [LocalOrShuffle], [Global], [All] and [Value] are groupings, and
//     are handed over by their name, without parentheses;
//   - [Fields], [PartialKey], [Bytes] and [Direct] return a grouping that
//     is made of the function given, and nil, which topology.Builder.Build
//     reports, if that is nil.
//
// So a topology reads
//
//	lines.By(grouping.Shuffle)             // words.By(grouping.Value) likewise
//	orders.By(grouping.Fields(customerOf)) // func customerOf(o Order) string
//
// Any function of the Grouping's shape is one, too; see the example of it. The
// invariant of all that group by key: equal keys go to the same task, from every
// sender, in every process and on every machine, as long as the number of tasks
// stays. Since a sender's tuples to one task stay in order, the order per key and
// sender is kept.
//
// A Chooser belongs to the sending task's goroutine, and none is shared; state
// that it keeps needs no lock. The choosers of this package do not allocate.
package grouping

// What a [Chooser] returns instead of the index of a task.
const (
	Everyone = -1 // all tasks get the tuple
	None     = -2 // no task fits: the engine fails the tuple
)

// Targets are the tasks of the component that reads the stream, as one sending
// task sees them.
type Targets struct {
	// Count is how many tasks there are, at least 1.
	Count int
	// Local are the indexes of those in the sender's process, ascending, when
	// the grouping is called. It may be empty and must not be changed.
	Local []int
	// Here is Local at any time later, for the Chooser to call: workers come
	// and go, and tasks move between them. It costs little. Nil means that
	// none moves, and Local stays.
	Here func() []int
	// Load is how many tuples wait or execute at task i, as far as the sender
	// knows. Nil means unknown.
	Load func(i int) int
	// Run is how many tuples in a row are best sent to one task: 1 where the
	// work per tuple is long, up to 256 where it is short, since a hand-over
	// of one short tuple costs more than the tuple. It changes as the engine
	// measures. Nil means 1.
	Run func() int
}

// A Chooser returns the index of the task that gets v, from 0 to Count-1, or
// [Everyone] or [None]. Any other number fails the tuple as None does, and so does a
// panic. It is owned by one sending task; it must not block and should not allocate. It
// is given v by value and must not change what v points to.
type Chooser[T any] func(v T) int

// A Grouping makes the Chooser of one sending task, which that has until it ends:
// the grouping is not called again when the tasks that read move, but by a sending
// task that moves and begins anew elsewhere. It may be called from several goroutines
// at once.
type Grouping[T any] func(to Targets) Chooser[T]

// Global sends all tuples to task 0.
func Global[T any](Targets) Chooser[T] { return first[T] }

func first[T any](T) int { return 0 }

// All sends each tuple to every task. Its tree is done when each of them is. The
// tasks share what the value points to and must not change it.
func All[T any](to Targets) Chooser[T] {
	if to.Count <= 1 {
		return first[T]
	}
	return func(T) int { return Everyone }
}

// Direct sends each tuple to the task that index says, given the value and how
// many tasks there are. An index out of range is [None]: the engine fails the
// tuple.
func Direct[T any](index func(v T, count int) int) Grouping[T] {
	if index == nil {
		return nil
	}
	return func(to Targets) Chooser[T] {
		return func(v T) int {
			if i := index(v, to.Count); uint(i) < uint(to.Count) {
				return i
			}
			return None
		}
	}
}

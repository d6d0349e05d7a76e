package microbatch

import "iter"

// An RDD is the data set of one batch: partitions that are computed when they are
// drawn from, each time anew. It is of use until the function given to ForeachRDD
// returns.
type RDD[T any] struct {
	batch      *batch
	partitions int
	prepare    func() error // what must have run before a partition can be computed
	compute    func(t *Task, partition int) iter.Seq[T]
}

func nothing() error { return nil }

// Partitions is how many partitions, and so tasks, the data set has.
func (r *RDD[T]) Partitions() int { return r.partitions }

// ForeachPartition runs a task for each partition, in parallel, that calls f with
// the partition's records, and returns when all have ended. An error or a panic of
// f, or of a function that the records come through, fails the task, which is then
// run again from its first record.
func (r *RDD[T]) ForeachPartition(f func(t *Task, records iter.Seq[T]) error) error {
	if err := r.prepare(); err != nil {
		return err
	}
	return r.batch.runTasks(r.partitions, func(t *Task) error {
		return f(t, r.compute(t, t.Partition))
	})
}

// union has the partitions of all of them.
func union[T any](b *batch, rdds []*RDD[T]) *RDD[T] {
	u := &RDD[T]{batch: b}
	for _, r := range rdds {
		u.partitions += r.partitions
	}
	u.prepare = func() error {
		for _, r := range rdds {
			if err := r.prepare(); err != nil {
				return err
			}
		}
		return nil
	}
	u.compute = func(t *Task, partition int) iter.Seq[T] {
		for _, r := range rdds {
			if partition < r.partitions {
				return r.compute(t, partition)
			}
			partition -= r.partitions
		}
		panic("microbatch: no such partition")
	}
	return u
}

// shuffle has n partitions with about as many records each. The records are dealt
// out by tasks of their own, one per partition of from, and held until all are.
func shuffle[T any](from *RDD[T], n int) *RDD[T] {
	dealt := make([][][]T, from.partitions) // by partition of from, and of the result
	return &RDD[T]{
		batch: from.batch, partitions: n,
		prepare: func() error {
			return from.ForeachPartition(func(t *Task, records iter.Seq[T]) error {
				dealt[t.Partition] = deal(records, n, t.Partition)
				return nil
			})
		},
		compute: func(_ *Task, partition int) iter.Seq[T] {
			return func(yield func(T) bool) {
				for _, hands := range dealt {
					for _, v := range hands[partition] {
						if !yield(v) {
							return
						}
					}
				}
			}
		},
	}
}

// deal gives the records to n hands in turn, beginning with the given one, so that
// small partitions do not all go to the first.
func deal[T any](records iter.Seq[T], n, first int) [][]T {
	hands, to := make([][]T, n), first%n
	for v := range records {
		hands[to] = append(hands[to], v)
		if to++; to == n {
			to = 0
		}
	}
	return hands
}

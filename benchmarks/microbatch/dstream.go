package microbatch

import "iter"

// A DStream is a data set per batch.
type DStream[T any] struct {
	ssc *StreamingContext
	rdd func(*batch) *RDD[T]
}

// ForeachRDD registers an output operation: f is called with each batch's data set,
// in order. An error of it fails the batch, and so ends the context. The records of
// a stream with two output operations are computed twice.
func (s *DStream[T]) ForeachRDD(f func(*RDD[T]) error) {
	s.ssc.outputs = append(s.ssc.outputs, func(b *batch) error { return f(s.rdd(b)) })
}

// Map is the stream of what f makes of each record. An error fails the task.
func Map[T, U any](s *DStream[T], f func(T) (U, error)) *DStream[U] {
	return MapPartitions(s, func(t *Task, in iter.Seq[T]) iter.Seq[U] {
		return func(yield func(U) bool) {
			for v := range in {
				u, err := f(v)
				if err != nil {
					t.Fail(err)
					return
				}
				if !yield(u) {
					return
				}
			}
		}
	})
}

// Filter is the stream of the records for which keep is true.
func Filter[T any](s *DStream[T], keep func(T) bool) *DStream[T] {
	return MapPartitions(s, func(_ *Task, in iter.Seq[T]) iter.Seq[T] {
		return func(yield func(T) bool) {
			for v := range in {
				if keep(v) && !yield(v) {
					return
				}
			}
		}
	})
}

// FlatMap is the stream of all that f yields for each record.
func FlatMap[T, U any](s *DStream[T], f func(T) iter.Seq[U]) *DStream[U] {
	return MapPartitions(s, func(_ *Task, in iter.Seq[T]) iter.Seq[U] {
		return func(yield func(U) bool) {
			for v := range in {
				for u := range f(v) {
					if !yield(u) {
						return
					}
				}
			}
		}
	})
}

// MapPartitions is the stream of what f makes of each partition: for work that
// shares something between the records of a task.
func MapPartitions[T, U any](s *DStream[T], f func(t *Task, in iter.Seq[T]) iter.Seq[U]) *DStream[U] {
	return &DStream[U]{s.ssc, func(b *batch) *RDD[U] {
		from := s.rdd(b)
		return &RDD[U]{
			batch: b, partitions: from.partitions, prepare: from.prepare,
			compute: func(t *Task, partition int) iter.Seq[U] { return f(t, from.compute(t, partition)) },
		}
	}}
}

// Union is one stream of all partitions of several streams of one context: of
// several receivers, most often. There must be at least one.
func Union[T any](streams ...*DStream[T]) *DStream[T] {
	return &DStream[T]{streams[0].ssc, func(b *batch) *RDD[T] {
		rdds := make([]*RDD[T], len(streams))
		for i, s := range streams {
			rdds[i] = s.rdd(b)
		}
		return union(b, rdds)
	}}
}

// Repartition is the stream in n partitions, at least one, so that more or fewer
// tasks process than read. It holds each batch in memory, and loses the records'
// order.
func Repartition[T any](s *DStream[T], n int) *DStream[T] {
	return &DStream[T]{s.ssc, func(b *batch) *RDD[T] { return shuffle(s.rdd(b), max(n, 1)) }}
}

package grouping

// A Key is a type that tuples can be grouped by. Integers count by their value:
// int32(7), uint64(7) and a named type's 7 are the same key.
type Key interface {
	~string | ~int | ~int32 | ~int64 | ~uint32 | ~uint64
}

// Value sends equal values to the same task: the value is the key.
func Value[K Key](to Targets) Chooser[K] {
	if to.Count <= 1 {
		return first[K]
	}
	hash, count := hasher[K](), uint64(to.Count)
	return func(k K) int { return place(hash(k), count) }
}

// Fields sends values with equal keys to the same task. The key function is called
// from all sending tasks, also at once, and should not allocate; for keys that are
// bytes or several fields see [Bytes]. A key that is much more frequent than others
// makes its task the slowest; see [PartialKey].
func Fields[T any, K Key](key func(T) K) Grouping[T] {
	if key == nil {
		return nil
	}
	return func(to Targets) Chooser[T] {
		if to.Count <= 1 {
			return first[T]
		}
		hash, count := hasher[K](), uint64(to.Count)
		return func(v T) int { return place(hash(key(v)), count) }
	}
}

// Bytes is [Fields] for byte keys and keys of several fields. The key function
// appends the key to buf, which is empty, and returns the result; it may as well
// return bytes of v, which are only read. Equal bytes go to the same task, and to
// the task that Fields would choose for the same bytes in a string. Fields of varying
// length need something between them: "a","bc" and "ab","c" are equal bytes.
func Bytes[T any](key func(v T, buf []byte) []byte) Grouping[T] {
	if key == nil {
		return nil
	}
	return func(to Targets) Chooser[T] {
		if to.Count <= 1 {
			return first[T]
		}
		buf, count := make([]byte, 0, 64), uint64(to.Count)
		return func(v T) int {
			k := key(v, buf)
			// k is not kept as the next buf: it may be v's own bytes.
			if len(k) > cap(buf) {
				buf = make([]byte, 0, 2*len(k))
			}
			return place(sum(k), count)
		}
	}
}

// PartialKey is [Fields] for keys of very uneven frequency. Every key has two tasks,
// the same two for all senders, and each tuple goes to the one of them with less
// load or, where loads are equal or unknown, to the one that this sender sent less.
// The receiver holds a part of each key's state, which a later step joins; the order
// per key is lost. After Nasir and others, "The Power of Both Choices: Practical Load
// Balancing for Distributed Stream Processing Engines", ICDE 2015.
func PartialKey[T any, K Key](key func(T) K) Grouping[T] {
	if key == nil {
		return nil
	}
	return func(to Targets) Chooser[T] {
		if to.Count <= 1 {
			return first[T]
		}
		hash, count, sent := hasher[K](), uint64(to.Count), make([]uint64, to.Count)
		return func(v T) int {
			a, b := both(hash(key(v)), count)
			if lighter(b, a, to.Load, sent) {
				a = b
			}
			sent[a]++
			return a
		}
	}
}

// both are the two tasks of a hash; there are at least two. The second is drawn from
// the others, so that they differ.
func both(h, count uint64) (a, b int) {
	a, b = place(h, count), place(mix(h+gamma), count-1)
	if b >= a {
		b++
	}
	return a, b
}

// lighter reports whether task b has less to do than task a.
func lighter(b, a int, load func(int) int, sent []uint64) bool {
	if load != nil {
		if la, lb := load(a), load(b); la != lb {
			return lb < la
		}
	}
	return sent[b] < sent[a]
}

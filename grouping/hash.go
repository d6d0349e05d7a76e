package grouping

import (
	"math/bits"
	"reflect"
	"unsafe"
)

// The hash is part of the protocol between workers: senders on different machines
// must agree on it. It reads bytes in little-endian order on every machine, and a
// change of it is a change of where every key's state lives.

// gamma is 2^64 divided by the golden ratio, odd: its bits are spread evenly.
const gamma = 0x9e3779b97f4a7c15

// mix is the 64-bit finalizer "Mix13" of David Stafford, as SplitMix64 uses it: a
// bijection in which every input bit turns about half of the output bits.
func mix(h uint64) uint64 {
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}

// fold is the step of wyhash (Wang Yi): both halves of a 128-bit product.
func fold(h uint64) uint64 {
	hi, lo := bits.Mul64(h, gamma)
	return hi ^ lo
}

// sum hashes the bytes of s, eight at a time. The length goes in first, so that the
// padding of the last word with zeros makes no two keys equal.
func sum[S string | []byte](s S) uint64 {
	h := gamma ^ uint64(len(s))
	for len(s) >= 8 {
		h = fold(h ^ (uint64(s[0]) | uint64(s[1])<<8 | uint64(s[2])<<16 | uint64(s[3])<<24 |
			uint64(s[4])<<32 | uint64(s[5])<<40 | uint64(s[6])<<48 | uint64(s[7])<<56))
		s = s[8:]
	}
	var last uint64
	for i := range len(s) {
		last |= uint64(s[i]) << (8 * i)
	}
	return mix(fold(h ^ last))
}

// hasher is the hash of K's kind. The kind is looked at once, here; the functions
// read the key as what it is underneath, which no conversion can say for a type
// parameter that may be a string or a number.
func hasher[K Key]() func(K) uint64 {
	switch reflect.TypeFor[K]().Kind() {
	case reflect.String:
		return func(k K) uint64 { return sum(*(*string)(unsafe.Pointer(&k))) }
	case reflect.Int32: // negative ones are extended as in an int64
		return func(k K) uint64 { return mix(uint64(*(*int32)(unsafe.Pointer(&k)))) }
	case reflect.Uint32:
		return func(k K) uint64 { return mix(uint64(*(*uint32)(unsafe.Pointer(&k)))) }
	case reflect.Int:
		return func(k K) uint64 { return mix(uint64(*(*int)(unsafe.Pointer(&k)))) }
	default: // Int64 and Uint64
		return func(k K) uint64 { return mix(*(*uint64)(unsafe.Pointer(&k))) }
	}
}

// place is h scaled down to a number below count, by its high bits: even for every
// count, without a division (Lemire, "Fast Random Integer Generation in an
// Interval", 2019).
func place(h, count uint64) int {
	hi, _ := bits.Mul64(h, count)
	return int(hi)
}

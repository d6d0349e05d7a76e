package reference

import (
	"encoding/binary"
	"fmt"
	"iter"
	"strconv"
	"strings"

	"github.com/waterspout/waterspout/internal/tweets"
)

// Values yields the values of the tweets numbered from up to but not including
// to. With a size, in bytes, their texts are as long as that takes, and else those
// of package tweets. A value is valid until the next one is asked for.
func Values(from, to uint64, size int) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		if size == 0 {
			for r := range tweets.New(1).Records(from, to) {
				if !yield(r.Value) {
					return
				}
			}
			return
		}
		text := strings.Repeat("swarm ", size/6+1)
		var value []byte
		for n := from; n < to; n++ {
			value = appendTweet(value[:0], n, text, size)
			if !yield(value) {
				return
			}
		}
	}
}

// appendTweet encodes tweet n so that it has size bytes, or a few more if that is
// less than a tweet needs.
func appendTweet(dst []byte, n uint64, text string, size int) []byte {
	begin := len(dst)
	var name [32]byte
	user := strconv.AppendUint(append(name[:0], "zergling"...), n, 10)
	dst = append(binary.AppendVarint(dst, int64(len(user))), user...)
	const timestamp = 1_443_657_600
	var length, tail [binary.MaxVarintLen64]byte
	room := max(size-(len(dst)-begin)-binary.PutVarint(tail[:], timestamp), 1)
	room -= binary.PutVarint(length[:], int64(room))
	room = max(room, 0)
	dst = append(binary.AppendVarint(dst, int64(room)), text[:room]...)
	return binary.AppendVarint(dst, timestamp)
}

// number is a tweet's, from its user name.
func number(value []byte) (int, error) {
	length, n := binary.Varint(value)
	if n <= 0 || length < 0 || int(length) > len(value)-n {
		return 0, fmt.Errorf("reference: the output has %q", value)
	}
	return numberOf(string(value[n : n+int(length)]))
}

func numberOf(user string) (int, error) { return strconv.Atoi(strings.TrimLeft(user, "zerglin")) }

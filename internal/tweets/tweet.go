package tweets

import "encoding/binary"

// Schema is the Avro schema of a Tweet.
const Schema = `{
	"type": "record", "name": "Tweet",
	"fields": [
		{"name": "username", "type": "string"},
		{"name": "text", "type": "string"},
		{"name": "timestamp", "type": "long"}
	]
}`

// A Tweet is a record of the reference job.
type Tweet struct {
	Username  string `avro:"username"`
	Text      string `avro:"text"`
	Timestamp int64  `avro:"timestamp"` // Unix seconds
}

// Valid reports whether value is an encoded Tweet and nothing else. It is
// written out by hand, so that it does not share the mistakes of a codec.
func Valid(value []byte) bool {
	rest, ok := skipString(value)
	if !ok {
		return false
	}
	if rest, ok = skipString(rest); !ok {
		return false
	}
	_, n := binary.Varint(rest) // Avro's zigzag is Go's
	return n > 0 && n == len(rest)
}

func skipString(b []byte) (rest []byte, ok bool) {
	length, n := binary.Varint(b)
	if n <= 0 || length < 0 || length > int64(len(b)-n) {
		return nil, false
	}
	return b[n+int(length):], true
}

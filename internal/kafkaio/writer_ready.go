package kafkaio

import (
	"reflect"
	"unsafe"

	"github.com/IBM/sarama"
)

// ready is the place in a sarama.RecordBatch where sarama keeps the records' encoding
// once it has made it; from then on it takes that and does not look at the records,
// however often the batch is sent. sarama's own encoding passes over the records
// twice, by interface calls, and over a structure of 112 bytes for each, which is a
// fifth of what a write costs. There is no other way to hand it bytes.
//
// Should a later sarama have no such field, we do without. Should it have one and yet
// look at the records, it finds nils and panics: nothing is lost without a word.
var ready = findReady()

type readyBytes struct {
	ok              bool
	encoded, length uintptr
}

func findReady() (f readyBytes) {
	t := reflect.TypeFor[sarama.RecordBatch]()
	encoded, ok1 := t.FieldByName("compressedRecords")
	length, ok2 := t.FieldByName("recordsLen")
	if !ok1 || !ok2 || encoded.Type != reflect.TypeFor[[]byte]() || length.Type != reflect.TypeFor[int]() {
		return f
	}
	return readyBytes{true, encoded.Offset, length.Offset}
}

// set gives b its records' encoding, compressed if b has a codec, and how long it was
// before.
func (f readyBytes) set(b *sarama.RecordBatch, content []byte, length int) {
	*(*[]byte)(unsafe.Add(unsafe.Pointer(b), f.encoded)) = content
	*(*int)(unsafe.Add(unsafe.Pointer(b), f.length)) = length
}

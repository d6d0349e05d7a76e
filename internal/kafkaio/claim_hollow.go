package kafkaio

import (
	"errors"
	"reflect"
	"unsafe"

	"github.com/IBM/sarama"
)

// hollow is the place in a sarama.FetchResponseBlock where sarama keeps the offset behind
// the batches of an answer: also of those without records, which compaction leaves, and
// which sarama itself leaves out. There is no other way to learn it.
var hollow = findHollow()

// errHollow is for a later sarama, whose answers may have no such place: then the reading
// of the partition waits, and says why.
var errHollow = errors.New("the answer has no records, and this version of sarama does not tell where the emptied batch ends")

// A hollowAnswer is a field's offset, if sarama has the field.
type hollowAnswer struct {
	ok bool
	at uintptr
}

func findHollow() hollowAnswer {
	f, ok := reflect.TypeFor[sarama.FetchResponseBlock]().FieldByName("recordsNextOffset")
	return hollowAnswer{ok && f.Type == reflect.TypeFor[*int64](), f.Offset}
}

// next is the offset behind an answer without records to a fetch from offset from, of a
// partition that ends at end. It is from if there was no batch at all: at the end, and
// also before it if the broker has nothing at hand, as one that reads from remote storage.
func (h hollowAnswer) next(block *sarama.FetchResponseBlock, from, end int64) (int64, error) {
	if !h.ok && from < end {
		return from, errHollow
	}
	if h.ok {
		if next := *(**int64)(unsafe.Add(unsafe.Pointer(block), h.at)); next != nil {
			return max(from, *next), nil
		}
	}
	return from, nil
}

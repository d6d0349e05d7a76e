package frame

import "encoding/binary"

// A Range is the sequences from First to Last, both included.
type Range struct{ First, Last uint64 }

// A Grant is the credit of one task instance: bodies may be sent to it until
// Limit bytes were begun in this epoch. Tuples of them were taken out of its
// inbox, or lost on the way. All are absolute (rule C1). Cost is what a tuple
// lately took the task, in nanoseconds, 0 if that is not known: it decides how many
// are sent at once, and nothing that is kept.
type Grant struct {
	To     Address
	Limit  uint64
	Tuples uint64
	Cost   uint32
}

const (
	rangeSize = 16
	grantSize = 28
)

// AppendReport appends the body of a frame of kind Report.
func AppendReport(dst []byte, lost []Range, grants []Grant) []byte {
	le := binary.LittleEndian
	dst = le.AppendUint32(dst, uint32(len(lost)))
	for _, r := range lost {
		dst = le.AppendUint64(dst, r.First)
		dst = le.AppendUint64(dst, r.Last)
	}
	for _, g := range grants {
		dst = le.AppendUint32(dst, g.To.Task)
		dst = le.AppendUint32(dst, g.To.Instance)
		dst = le.AppendUint64(dst, g.Limit)
		dst = le.AppendUint64(dst, g.Tuples)
		dst = le.AppendUint32(dst, g.Cost)
	}
	return dst
}

// DecodeReport appends what is in body to lost and grants. On an error it
// returns them as they were.
func DecodeReport(body []byte, lost []Range, grants []Grant) ([]Range, []Grant, error) {
	if len(body) < 4 {
		return lost, grants, ErrMalformed
	}
	le := binary.LittleEndian
	n := uint64(le.Uint32(body))
	body = body[4:]
	if n > uint64(len(body))/rangeSize || (uint64(len(body))-n*rangeSize)%grantSize != 0 {
		return lost, grants, ErrMalformed
	}
	for range n {
		lost = append(lost, Range{le.Uint64(body), le.Uint64(body[8:])})
		body = body[rangeSize:]
	}
	for len(body) > 0 {
		grants = append(grants, Grant{
			To:    Address{le.Uint32(body), le.Uint32(body[4:])},
			Limit: le.Uint64(body[8:]), Tuples: le.Uint64(body[16:]), Cost: le.Uint32(body[24:]),
		})
		body = body[grantSize:]
	}
	return lost, grants, nil
}

package frame

import "encoding/binary"

// A Section is tuples for one task instance, or nothing but where its credit
// stands (rule C1), or a mark.
type Section struct {
	To       Address
	Inlet    int    // of the task, 0 to 65535
	Mark     bool   // Position is a revision and Tuples a phase; all else is 0
	Position uint64 // bytes of bodies sent to that instance in this epoch, with this one
	Tuples   uint64 // the same in tuples
	Count    int    // tuples in Body
	Body     []byte
}

const (
	markFlag = 1

	// SectionHead is how many bytes a section is longer than its body.
	SectionHead = 36
)

// AppendSection appends s.
func AppendSection(dst []byte, s Section) []byte {
	le := binary.LittleEndian
	var flags uint16
	if s.Mark {
		flags = markFlag
	}
	dst = le.AppendUint32(dst, s.To.Task)
	dst = le.AppendUint32(dst, s.To.Instance)
	dst = le.AppendUint16(dst, uint16(s.Inlet))
	dst = le.AppendUint16(dst, flags)
	dst = le.AppendUint64(dst, s.Position)
	dst = le.AppendUint64(dst, s.Tuples)
	dst = le.AppendUint32(dst, uint32(s.Count))
	dst = le.AppendUint32(dst, uint32(len(s.Body)))
	return append(dst, s.Body...)
}

// NextSection takes the first section off body. s.Body is a part of body. At
// least lineage and length are there for each tuple that it counts, but no
// tuple was looked at.
func NextSection(body []byte) (s Section, rest []byte, err error) {
	if len(body) < SectionHead {
		return s, nil, ErrMalformed
	}
	le := binary.LittleEndian
	flags, count, length := le.Uint16(body[10:]), uint64(le.Uint32(body[28:])), uint64(le.Uint32(body[32:]))
	if flags&^markFlag != 0 || length > uint64(len(body)-SectionHead) || count*minTuple > length {
		return s, nil, ErrMalformed
	}
	end := SectionHead + int(length)
	s = Section{
		To:    Address{le.Uint32(body), le.Uint32(body[4:])},
		Inlet: int(le.Uint16(body[8:])), Mark: flags == markFlag,
		Position: le.Uint64(body[12:]), Tuples: le.Uint64(body[20:]),
		Count: int(count), Body: body[SectionHead:end:end],
	}
	return s, body[end:], nil
}

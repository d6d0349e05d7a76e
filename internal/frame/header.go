package frame

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
)

// A Kind says what a frame is for.
type Kind uint8

// The kinds of frames. What each field of the header means is said here.
const (
	Data     Kind = iota + 1 // sections; Sequence is its own
	Acks                     // pairs and failures; Sequence is its own
	Beat                     // Sequence is the last one sent on the link (K2); no body
	Report                   // of the receiver; Sequence is the next expected
	Hello                    // asks for an epoch; Sequence is the attempt, Epoch what was last offered the other way
	Offer                    // answers Hello with Epoch; Sequence is that attempt (K6)
	Stranger                 // Epoch is not one that its receiver offered (K6)
	Ping                     // asks for a Pong
	Pong                     // a sign of life
	kindEnd
)

// A Link is one of the two sequences of frames from a worker to another.
type Link uint8

// The links.
const (
	DataLink Link = iota
	AckLink
	Links = iota // how many there are
)

// A Header is what every frame begins with.
type Header struct {
	Kind     Kind
	Link     Link   // that the frame belongs to, or speaks of
	Nonce    uint64 // of the cluster (G3)
	Epoch    uint64
	Sequence uint64
	Base     uint64 // of Data, Acks and Beat: the oldest sequence that is not released
}

// The reasons why Open or a decoder refuses bytes.
var (
	ErrForeign   = errors.New("frame: not of this protocol, or of another version of it")
	ErrLength    = errors.New("frame: shorter or longer than it says")
	ErrChecksum  = errors.New("frame: the checksum is wrong")
	ErrMalformed = errors.New("frame: the body is malformed")
)

// Version is that of the frames, and all that is in them. Workers of different versions
// are no cluster: they would drop each other's frames, all of them.
const Version = 2

const (
	magic = "WS"

	kindAt     = 3
	linkAt     = 4
	fromAt     = 5 // length of the name; then two bytes of nothing
	nonceAt    = 8
	epochAt    = 16
	sequenceAt = 24
	baseAt     = 32
	lengthAt   = 40 // of name and body
	sumAt      = 44 // of all but itself
	headerSize = 48
)

// MaxName is the length in bytes of the longest name of a worker.
const MaxName = 255

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Begin appends room for the header, and the sender's name, of at most MaxName
// bytes; the body is appended behind it, and then the frame is sealed.
func Begin(dst []byte, from string) []byte {
	var room [headerSize]byte
	room[fromAt] = byte(len(from))
	return append(append(dst, room[:]...), from...)
}

// Seal writes the header of a frame that Begin began and whose body is complete.
// f is all of the frame and nothing else. It may be sealed again.
func Seal(f []byte, h Header) {
	copy(f, magic)
	f[len(magic)] = Version
	f[kindAt], f[linkAt] = byte(h.Kind), byte(h.Link)
	le := binary.LittleEndian
	le.PutUint64(f[nonceAt:], h.Nonce)
	le.PutUint64(f[epochAt:], h.Epoch)
	le.PutUint64(f[sequenceAt:], h.Sequence)
	le.PutUint64(f[baseAt:], h.Base)
	le.PutUint32(f[lengthAt:], uint32(len(f)-headerSize))
	le.PutUint32(f[sumAt:], sum(f))
}

func sum(f []byte) uint32 {
	return crc32.Update(crc32.Checksum(f[:sumAt], castagnoli), castagnoli, f[headerSize:])
}

// Open checks a frame and takes it apart. from and body are parts of f.
func Open(f []byte) (h Header, from, body []byte, err error) {
	if len(f) < headerSize {
		return h, nil, nil, ErrLength
	}
	if string(f[:len(magic)]) != magic || f[len(magic)] != Version {
		return h, nil, nil, ErrForeign
	}
	le := binary.LittleEndian
	name := headerSize + int(f[fromAt])
	if uint64(le.Uint32(f[lengthAt:])) != uint64(len(f)-headerSize) || name > len(f) {
		return h, nil, nil, ErrLength
	}
	if le.Uint32(f[sumAt:]) != sum(f) {
		return h, nil, nil, ErrChecksum
	}
	h = Header{
		Kind: Kind(f[kindAt]), Link: Link(f[linkAt]),
		Nonce: le.Uint64(f[nonceAt:]), Epoch: le.Uint64(f[epochAt:]),
		Sequence: le.Uint64(f[sequenceAt:]), Base: le.Uint64(f[baseAt:]),
	}
	if h.Kind == 0 || h.Kind >= kindEnd || h.Link >= Links {
		return h, nil, nil, ErrForeign
	}
	return h, f[headerSize:name:name], f[name:], nil
}

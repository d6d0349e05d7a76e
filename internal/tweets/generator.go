package tweets

import (
	"iter"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/hamba/avro/v2"
	"github.com/waterspout/waterspout/kafka"
)

// Bounds of the length of a text, in characters, and the time of the first
// tweet: there are a thousand a second.
const (
	shortest  = 60
	longest   = 280
	epoch     = 1_443_657_600
	perSecond = 1000
)

// A Generator makes tweets. The same seed makes the same ones. Texts are cut
// from a page of words, so that a tweet costs one small allocation.
type Generator struct {
	seed  uint64
	page  string
	runes []int32 // where each character of page begins, and its end
}

// New makes a Generator.
func New(seed uint64) *Generator {
	const size = 1 << 16
	r := rand.New(rand.NewPCG(seed, 0))
	var page strings.Builder
	for page.Len() < size {
		words := plain
		if r.IntN(40) == 0 {
			words = foreign
		}
		page.WriteString(words[r.IntN(len(words))])
		page.WriteByte(' ')
	}
	g := &Generator{seed: seed, page: page.String()}
	for i := range g.page {
		g.runes = append(g.runes, int32(i))
	}
	g.runes = append(g.runes, int32(len(g.page)))
	return g
}

var plain = strings.Fields(`a the of to in and on off over under swarm hive queen
	drone larva creep spore spire nydus overlord burrow rush expand scout
	mineral vespene gas drop air ground attack defend morph evolve colony
	just watched again why never always tonight this game that patch was so
	good bad fast slow lol gg wp`)

var foreign = strings.Fields(`größe naïve façade über señor crème привет рой
	улей 蟲族 こんにちは 맹독충 ζέργκ 🐛 🔥🔥 😂`)

// Tweet is tweet number n. Its text has 60 to 280 characters, short ones more
// often than long ones; 160 bytes is the average of a whole tweet when encoded.
func (g *Generator) Tweet(n uint64) Tweet {
	length, start := g.draw(n)
	var name [32]byte
	user := strconv.AppendUint(append(name[:0], "zergling"...), n, 10)
	return Tweet{
		Username:  string(user),
		Text:      g.page[g.runes[start]:g.runes[start+length]],
		Timestamp: epoch + int64(n/perSecond),
	}
}

// draw is splitmix64 of seed and n: the smaller of two even draws of a length,
// and where in the page the text begins.
func (g *Generator) draw(n uint64) (length, start int) {
	x := g.seed + (n+1)*0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	x ^= x >> 31
	span := uint64(longest - shortest + 1)
	length = shortest + int(min((x&0xffff)*span>>16, (x>>16&0xffff)*span>>16))
	starts := uint64(len(g.runes) - 1 - length)
	return length, int((x >> 32) * starts >> 32)
}

// Records yields the tweets numbered from up to but not including to, encoded
// as the values of records without keys. Values are parts of arenas of 64 KiB
// and are never written again.
func (g *Generator) Records(from, to uint64) iter.Seq[kafka.Record] {
	return func(yield func(kafka.Record) bool) {
		const arena, room = 64 << 10, 4*longest + 64
		schema := avro.MustParse(Schema)
		var w *avro.Writer
		for n := from; n < to; n++ {
			if w == nil || w.Buffered() > arena-room {
				w = avro.NewWriter(nil, arena)
			}
			begin := w.Buffered()
			t := g.Tweet(n)
			w.WriteVal(schema, &t)
			value := w.Buffer()[begin:]
			if !yield(kafka.Of(value[:len(value):len(value)])) {
				return
			}
		}
	}
}

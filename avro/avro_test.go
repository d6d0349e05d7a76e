package avro_test

import (
	"bytes"
	"errors"
	"math"
	"math/big"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	hamba "github.com/hamba/avro/v2"

	"github.com/waterspout/waterspout/avro"
	"github.com/waterspout/waterspout/codec/codectest"
)

const tweetSchema = `{"type":"record","name":"Tweet","fields":[
	{"name":"username","type":"string"},
	{"name":"text","type":"string"},
	{"name":"timestamp","type":"long"}]}`

type tweet struct {
	Username  string `avro:"username"`
	Text      string `avro:"text"`
	Timestamp int64  `avro:"timestamp"`
}

var tweets = avro.Must(avro.New[tweet](tweetSchema))

func newTweet() tweet {
	return tweet{"user-000001", strings.Repeat("żółw ", 16), 1_700_000_000}
}

const orderSchema = `{"type":"record","name":"Order","fields":[
	{"name":"id","type":"long"},
	{"name":"paid","type":"boolean"},
	{"name":"price","type":"double"},
	{"name":"weight","type":"float"},
	{"name":"count","type":"int"},
	{"name":"state","type":{"type":"enum","name":"State","symbols":["open","shipped"]}},
	{"name":"hash","type":{"type":"fixed","name":"Hash","size":4}},
	{"name":"body","type":"bytes"},
	{"name":"note","type":["null","string"]},
	{"name":"proof","type":["bytes","null"]},
	{"name":"at","type":{"type":"long","logicalType":"timestamp-millis"}},
	{"name":"total","type":{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}},
	{"name":"lines","type":{"type":"array","items":
		{"type":"record","name":"Line","fields":[{"name":"sku","type":"string"},{"name":"data","type":"bytes"}]}}},
	{"name":"first","type":["null","Line"]},
	{"name":"tags","type":{"type":"map","values":"bytes"}}]}`

type line struct {
	Sku  string `avro:"sku"`
	Data []byte `avro:"data"`
}

type order struct {
	ID     int64             `avro:"id"`
	Paid   bool              `avro:"paid"`
	Price  float64           `avro:"price"`
	Weight float32           `avro:"weight"`
	Count  int32             `avro:"count"`
	State  string            `avro:"state"`
	Hash   [4]byte           `avro:"hash"`
	Body   []byte            `avro:"body"`
	Note   *string           `avro:"note"`
	Proof  []byte            `avro:"proof"`
	At     time.Time         `avro:"at"`
	Total  *big.Rat          `avro:"total"`
	Lines  []line            `avro:"lines"`
	First  *line             `avro:"first"`
	Tags   map[string][]byte `avro:"tags"`
}

var orders = avro.Must(avro.New[order](orderSchema))

func newOrder() order {
	note := "in a hurry"
	return order{
		ID: -5, Paid: true, Price: 1.5, Weight: 2.25, Count: math.MaxInt32, State: "shipped",
		Hash: [4]byte{1, 2, 3, 4}, Body: []byte("body"), Note: &note, Proof: []byte("proof"),
		At: time.UnixMilli(1_700_000_000_123).UTC(), Total: big.NewRat(-1234, 100),
		Lines: []line{{"a", []byte("x")}, {"b", []byte("y")}}, First: &line{"c", []byte("z")},
		Tags: map[string][]byte{"k": []byte("v")},
	}
}

func TestConformance(t *testing.T) {
	t.Run("tweet", func(t *testing.T) {
		codectest.Run(t, tweets, newTweet(), tweet{}, tweet{Text: strings.Repeat("x", 5000)})
	})
	t.Run("order", func(t *testing.T) {
		empty := order{
			State: "open", At: time.UnixMilli(0).UTC(), Total: big.NewRat(0, 1),
			Body: []byte{}, Lines: []line{}, Tags: map[string][]byte{},
		}
		codectest.Run(t, orders, newOrder(), empty)
	})
	t.Run("pointer", func(t *testing.T) {
		tw := newTweet()
		codectest.Run(t, avro.Must(avro.New[*tweet](tweetSchema)), &tw)
	})
	t.Run("primitive", func(t *testing.T) {
		codectest.Run(t, avro.Must(avro.New[string](`"string"`)), "", "a", strings.Repeat("b", 2000))
	})
	t.Run("array", func(t *testing.T) {
		codectest.Run(t, avro.Must(avro.New[[]int64](`{"type":"array","items":"long"}`)), []int64{}, []int64{1, -1, 1 << 60})
	})
	t.Run("map", func(t *testing.T) {
		codectest.Run(t, avro.Must(avro.New[map[string]int64](`{"type":"map","values":"long"}`)),
			map[string]int64{}, map[string]int64{"a": 7})
	})
	t.Run("one pointer", func(t *testing.T) {
		type boxed struct {
			S *string `avro:"s"`
		}
		s := "x"
		c := avro.Must(avro.New[boxed](`{"type":"record","name":"b","fields":[{"name":"s","type":["null","string"]}]}`))
		codectest.Run(t, c, boxed{}, boxed{&s})
	})
}

// TestSameBytesAsHamba holds that the guard changes nothing for sound payloads.
func TestSameBytesAsHamba(t *testing.T) {
	want, err := hamba.Marshal(hamba.MustParse(orderSchema), newOrder())
	if err != nil {
		t.Fatal(err)
	}
	got, err := orders.Append(nil, newOrder())
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("Append() = %x, %v, want %x", got, err, want)
	}
}

// TestEveryTruncationIsAnError holds for codecs with every kind of part.
func TestEveryTruncationIsAnError(t *testing.T) {
	b, err := orders.Append(nil, newOrder())
	if err != nil {
		t.Fatal(err)
	}
	for n := range b {
		var v order
		if err := orders.Decode(b[:n], &v); err == nil {
			t.Errorf("the first %d of %d bytes decode as %+v", n, len(b), v)
		}
	}
	b, _ = tweets.Append(nil, newTweet())
	for n := range b {
		var v tweet
		if err := tweets.Decode(b[:n], &v); err == nil {
			t.Errorf("the first %d of %d bytes decode as %+v", n, len(b), v)
		}
	}
}

// varint is n as Avro writes it.
func varint(n int64) []byte {
	var b []byte
	for u := uint64(n)<<1 ^ uint64(n>>63); ; u >>= 7 {
		if u < 0x80 {
			return append(b, byte(u))
		}
		b = append(b, byte(u)|0x80)
	}
}

func join(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func TestHostilePayloads(t *testing.T) {
	longs := avro.Must(avro.New[[]int64](`{"type":"array","items":"long"}`))
	strs := avro.Must(avro.New[map[string]string](`{"type":"map","values":"string"}`))
	str := avro.Must(avro.New[string](`"string"`))
	num := avro.Must(avro.New[int32](`"int"`))
	flag := avro.Must(avro.New[bool](`"boolean"`))
	state := avro.Must(avro.New[string](`{"type":"enum","name":"e","symbols":["a","b"]}`))
	money := avro.Must(avro.New[*big.Rat](`{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}`))
	maybe := avro.Must(avro.New[*string](`["null","string"]`))
	one := varint(1)
	overlong := []byte{0x80, 0x80, 0x80, 0x80, 0x80, 0} // zero
	cases := []struct {
		name, want string
		decode     func([]byte) error
		payload    []byte
	}{
		{"empty", "empty payload", into(tweets), nil},
		{"empty but not nil", "empty payload", into(tweets), []byte{}},
		{"too large", "MaxBytes", into(str), make([]byte, avro.DefaultMaxBytes+1)},
		{"trailing bytes", "3 bytes left over", into(str), join(varint(1), []byte("axyz"))},
		{"string of a terabyte", "a length of 1099511627776 in front of 0 bytes", into(str), varint(1 << 40)},
		{"string of negative length", "a length of -1", into(str), varint(-1)},
		{"string of the least length", "a length of", into(str), varint(math.MinInt64)},
		{"varint without end", "too many bits", into(str), bytes.Repeat([]byte{0xff}, 20)},
		{"varint of 65 bits", "too many bits", into(longs), join(one, bytes.Repeat([]byte{0xff}, 9), []byte{2, 0})},
		{"int of 33 bits", "too many bits", into(num), varint(1 << 31)},
		{"int of six bytes", "too many bits", into(num), overlong},
		{"symbol of six bytes", "too many bits", into(state), overlong},
		{"branch of six bytes", "too many bits", into(maybe), overlong},
		{"bool of 2", "2 is not a bool", into(flag), []byte{2}},
		{"symbol past the end", "symbol 2 of 2", into(state), varint(2)},
		{"negative symbol", "symbol -1 of 2", into(state), varint(-1)},
		{"branch past the end", "branch 2 of 2", into(maybe), varint(2)},
		{"array bomb", "2147483648 elements in front of 0 bytes", into(longs), varint(1 << 31)},
		{"array of the most", "elements in front of", into(longs), varint(math.MaxInt64)},
		{"array of the least, negated", "elements in front of", into(longs), join(varint(math.MinInt64), varint(0), []byte{0})},
		{"array that overflows its length", "elements in front of", into(longs),
			join(one, varint(7), varint(math.MaxInt64), varint(math.MaxInt64), varint(101), make([]byte, 101), []byte{0})},
		{"array without its end", "ends early", into(longs), join(one, varint(7))},
		{"array block of a wrong size", "a block's size", into(longs), join(varint(-1), varint(2), varint(7), []byte{0, 0})},
		{"array block of a huge size", "a block of 1099511627776 bytes", into(longs), join(varint(-1), varint(1<<40), varint(7), []byte{0})},
		{"map bomb", "1000000000 elements in front of 0 bytes", into(strs), varint(1e9)},
		{"map without its end", "ends early", into(strs), join(one, varint(1), []byte("k"), varint(0))},
		{"decimal of a megabyte", "more than its precision", into(money), join(varint(1<<19), make([]byte, 1<<19))},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := c.decode(c.payload)
			runtime.ReadMemStats(&after)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("Decode() = %v, want an error with %q", err, c.want)
			}
			if n := after.TotalAlloc - before.TotalAlloc; n > 64<<10 {
				t.Errorf("%d bytes of payload cost %d bytes of memory", len(c.payload), n)
			}
		})
	}
}

func into[T any](c *avro.Codec[T]) func([]byte) error {
	var warm T
	c.Decode([]byte{0xff}, &warm)
	return func(b []byte) error {
		var v T
		return c.Decode(b, &v)
	}
}

func TestErrorNamesTheField(t *testing.T) {
	err := tweets.Decode(join(varint(1), []byte("u"), varint(9), []byte("x")), new(tweet))
	if err == nil || err.Error() != "avro: avro_test.tweet.Text: a length of 9 in front of 1 bytes" {
		t.Errorf("Decode() = %v", err)
	}
}

func TestEmptyCanBeTold(t *testing.T) {
	if err := tweets.Decode(nil, new(tweet)); !errors.Is(err, avro.ErrEmpty) {
		t.Errorf("Decode(nil) = %v, want ErrEmpty", err)
	}
}

func TestMaxBytes(t *testing.T) {
	small := tweets.MaxBytes(100)
	b, err := tweets.Append(nil, newTweet())
	if err != nil {
		t.Fatal(err)
	}
	if err := small.Decode(b, new(tweet)); err == nil || !strings.Contains(err.Error(), "MaxBytes") {
		t.Errorf("Decode() = %v, want the limit", err)
	}
	if _, err := small.Append(nil, newTweet()); err == nil || !strings.Contains(err.Error(), "MaxBytes") {
		t.Errorf("Append() = %v, want the limit", err)
	}
	large := tweet{Text: strings.Repeat("x", 3<<20)}
	codectest.Run(t, tweets.MaxBytes(4<<20), large)
}

// TestSlicesHaveNoSpareRoom holds since hamba cuts strings from the same slab.
func TestSlicesHaveNoSpareRoom(t *testing.T) {
	b, _ := orders.Append(nil, newOrder())
	var v order
	if err := orders.Decode(b, &v); err != nil {
		t.Fatal(err)
	}
	slices := [][]byte{v.Body, v.Proof, v.Lines[0].Data, v.Lines[1].Data, v.First.Data, v.Tags["k"]}
	for _, s := range slices {
		_ = append(s, "!!!!!!!!!!!!!!!!"...)
	}
	if diff := cmp.Diff(newOrder(), v, cmp.Comparer(func(a, b *big.Rat) bool { return a.Cmp(b) == 0 })); diff != "" {
		t.Errorf("appending to slices changed their neighbours: %s", diff)
	}
}

// Avro has no nil but null: without that, what is nil comes back empty.
func TestNilComesBackEmpty(t *testing.T) {
	type nils struct {
		List, MaybeList   []int64
		Bytes, MaybeBytes []byte
		Map               map[string]int64
		MaybeMap          *map[string]int64
	}
	const list, tags = `{"type":"array","items":"long"}`, `{"type":"map","values":"long"}`
	c := avro.Must(avro.New[nils](`{"type":"record","name":"Nils","fields":[
		{"name":"List","type":` + list + `},{"name":"MaybeList","type":["null",` + list + `]},
		{"name":"Bytes","type":"bytes"},{"name":"MaybeBytes","type":["null","bytes"]},
		{"name":"Map","type":` + tags + `},{"name":"MaybeMap","type":["null",` + tags + `]}]}`))
	b, err := c.Append(nil, nils{})
	if err != nil {
		t.Fatal(err)
	}
	var got nils
	if err := c.Decode(b, &got); err != nil {
		t.Fatal(err)
	}
	want := nils{List: []int64{}, Bytes: []byte{}, Map: map[string]int64{}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestNewRefuses(t *testing.T) {
	// A field of the name with a large letter is another one.
	const tagOne = ": tag one `avro:"
	record := func(typ string) string {
		return `{"type":"record","name":"R","fields":[{"name":"f","type":` + typ + `}]}`
	}
	cases := []struct {
		name string
		make func() error
		want string
	}{
		{"no JSON", refused[tweet](`{"type":`), "schema does not parse"},
		{"empty", refused[tweet](``), "schema does not parse"},
		{"unknown type", refused[tweet](record(`"strin"`)), "schema does not parse"},
		{"missing field", refused[struct{ Username, Text string }](tweetSchema), "no field for \"username\" of record Tweet" + tagOne},
		{"field that is embedded", refused[struct {
			time.Time `avro:"f"`
		}](record(timeMicros)), "no field for \"f\" of record R" + tagOne},
		{"wrong type", refused[struct {
			F int64 `avro:"f"`
		}](record(`"string"`)), "F: int64 does not hold Avro \"string\""},
		{"narrow int", refused[struct {
			F int8 `avro:"f"`
		}](record(`"int"`)), "int8 does not hold"},
		{"wide int", refused[struct {
			F int `avro:"f"`
		}](record(`"int"`)), "int does not hold"},
		{"null without pointer", refused[struct {
			F string `avro:"f"`
		}](record(`["null","string"]`)), "null does not fit string, use *string"},
		{"union of two", refused[struct {
			F any `avro:"f"`
		}](record(`["null","string","long"]`)), "a union of other than null and one type"},
		{"interface", refused[struct {
			F any `avro:"f"`
		}](record(`"string"`)), "interface {} does not hold"},
		{"deep", refused[struct {
			F []map[string]int32 `avro:"f"`
		}](record(`{"type":"array","items":{"type":"map","values":"long"}}`)), "F[][]: int32 does not hold"},
		{"recursive", refused[node](`{"type":"record","name":"node","fields":[{"name":"next","type":["null","node"]}]}`), "contains itself"},
		{"no bytes", refused[struct{}](`{"type":"record","name":"R","fields":[]}`), "take no bytes"},
		{"elements of no bytes", refused[[]struct{}](`{"type":"array","items":{"type":"record","name":"R","fields":[]}}`), "take no bytes"},
		{"shared buffer", refused[uint64](`{"type":"fixed","name":"F","size":8}`), "uint64 does not hold"},
		{"rational by value", refused[big.Rat](`{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}`), "does not hold"},
		{"nanoseconds by the unit", refused[int64](timeMicros), "int64 does not hold"},
		{"no time of day", refused[time.Duration](localMillis), "time.Duration does not hold"},
		{"union of its own", refused[*choice](`["null","string"]`), "makes its own values of a union"},
		{"not a struct", refused[map[string]any](tweetSchema), "does not hold"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if err := c.make(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("New() = %v, want an error with %q", err, c.want)
			}
		})
	}
}

type choice string

func (*choice) FromAny(any) error   { return nil }
func (*choice) ToAny() (any, error) { return new(int8), nil }

type node struct {
	Next *node `avro:"next"`
}

func refused[T any](schema string) func() error {
	return func() error {
		c, err := avro.New[T](schema)
		if (c == nil) != (err != nil) {
			panic("a codec and an error, or neither")
		}
		return err
	}
}

func TestNamesTellSchemasApart(t *testing.T) {
	other := avro.Must(avro.New[tweet](strings.Replace(tweetSchema, `"Tweet"`, `"Toot"`, 1)))
	if other.Name() == tweets.Name() {
		t.Errorf("two schemas are both called %s", other.Name())
	}
	if same := avro.Must(avro.New[tweet](tweetSchema)); same.Name() != tweets.Name() {
		t.Errorf("one schema is called %s and %s", same.Name(), tweets.Name())
	}
}

func TestValueThatDoesNotFit(t *testing.T) {
	bad := newOrder()
	bad.State = "lost"
	dst := []byte("kept")
	got, err := orders.Append(dst, bad)
	if err == nil || !strings.Contains(err.Error(), "unknown enum symbol: lost") || string(got) != "kept" {
		t.Errorf("Append() = %q, %v", got, err)
	}
	bad = newOrder()
	bad.Total = nil
	if _, err := orders.Append(nil, bad); err == nil {
		t.Error("Append() of a nil rational is no error")
	}
	codectest.Run(t, orders, newOrder()) // errors leave nothing behind
}

func FuzzDecode(f *testing.F) {
	b, _ := orders.Append(nil, newOrder())
	f.Add(b)
	f.Add(join(varint(1), varint(7), varint(math.MaxInt64)))
	f.Fuzz(func(t *testing.T, b []byte) {
		var v, again order
		if orders.Decode(b, &v) != nil {
			return
		}
		out, err := orders.Append(nil, v)
		if err != nil {
			return // a decimal of more digits than its precision decodes
		}
		if err := orders.Decode(out, &again); err != nil {
			t.Fatalf("%+v was decoded, but not again: %v", v, err)
		}
	})
}

package avro_test

import (
	"encoding"
	"fmt"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/waterspout/waterspout/avro"
	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/codec/codectest"
)

const (
	moneySchema  = `{"type":"bytes","logicalType":"decimal","precision":9,"scale":2}`
	fixedSchema  = `{"type":"fixed","name":"F","size":8,"logicalType":"decimal","precision":19,"scale":2}`
	dateSchema   = `{"type":"int","logicalType":"date"}`
	timeMillis   = `{"type":"int","logicalType":"time-millis"}`
	timeMicros   = `{"type":"long","logicalType":"time-micros"}`
	millisSchema = `{"type":"long","logicalType":"timestamp-millis"}`
	microsSchema = `{"type":"long","logicalType":"timestamp-micros"}`
	localMillis  = `{"type":"long","logicalType":"local-timestamp-millis"}`
	localMicros  = `{"type":"long","logicalType":"local-timestamp-micros"}`
)

// appended is what Append makes of v and Decode of that.
func appended[T any](schema string, v T) func() (any, error) {
	return func() (any, error) {
		var back T
		c := avro.Must(avro.New[T](schema))
		b, err := c.Append(nil, v)
		if err == nil {
			err = c.Decode(b, &back)
		}
		return back, err
	}
}

// A fate is what becomes of a value: an error with a text, if want is a string.
type fate struct {
	name   string
	append func() (any, error)
	want   any
}

func checkFates(t *testing.T, fates []fate) {
	for _, c := range fates {
		t.Run(c.name, func(t *testing.T) {
			got, err := c.append()
			if want, fails := c.want.(string); fails {
				if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
					t.Errorf("Append() came back as %v, %v, want an error with %q", got, err, want)
				}
			} else if err != nil || !cmp.Equal(got, c.want, sameRat) {
				t.Errorf("Append() came back as %v, %v, want %v", got, err, c.want)
			}
		})
	}
}

func TestDecimalsAreNotRounded(t *testing.T) {
	checkFates(t, []fate{
		{"decimal of a third place", appended(moneySchema, big.NewRat(-12345, 1000)), "-2469/200 has more than 2 decimal places"},
		{"decimal of a third", appended(moneySchema, big.NewRat(1, 3)), "1/3 has more than 2"},
		{"decimal of a float", appended(moneySchema, new(big.Rat).SetFloat64(12.34)), "has more than 2"},
		{"decimal of one place", appended(moneySchema, big.NewRat(-5, 2)), big.NewRat(-5, 2)},
		{"decimal of most digits", appended(moneySchema, big.NewRat(-999999999, 100)), big.NewRat(-999999999, 100)},
		{"decimal of a digit more", appended(moneySchema, big.NewRat(1000000000, 100)), "has 10 significant digits"},
		{"decimal that is nil", appended[*big.Rat](moneySchema, nil), "a nil *big.Rat: make it a union"},
		{"fixed of a third place", appended(fixedSchema, big.NewRat(1, 1000)), "has more than 2 decimal places"},
		{"fixed, the least", appended(fixedSchema, big.NewRat(math.MinInt64, 100)), big.NewRat(math.MinInt64, 100)},
		{"fixed below the least", appended(fixedSchema, new(big.Rat).SetFrac(
			new(big.Int).Sub(big.NewInt(math.MinInt64), big.NewInt(1)), big.NewInt(100))), "takes more bytes than the fixed has"},
		{"fixed above the most", appended(fixedSchema, big.NewRat(math.MaxInt64, 10)), "has 20 significant digits"},
		{"decimal as bytes", appended(moneySchema, make([]byte, 6)), make([]byte, 6)},
		{"decimal as many bytes", appended(moneySchema, make([]byte, 7)), "a decimal of 7 bytes, more than the 6"},
		{"text that is nil", appended[*text](`"string"`, nil), "a nil *avro_test.text: make it a union"},
		{"symbol that is nil", appended[*text](`{"type":"enum","name":"E","symbols":["A"]}`, nil), "a nil *avro_test.text"},
	})
}

func TestDatesAndTimesOfDay(t *testing.T) {
	landing := time.Date(1969, 7, 20, 20, 17, 0, 0, time.UTC)
	days := func(n int64) time.Time { return time.Unix(n*86400, 0).UTC() }
	zone := time.FixedZone("", 3600)
	const ms, ns = time.Millisecond, time.Nanosecond
	checkFates(t, []fate{
		{"date before 1970 with a time", appended(dateSchema, landing), "1969-07-20 20:17:00 is before 1970 and not midnight in UTC"},
		{"date before 1970", appended(dateSchema, landing.Truncate(24*time.Hour)), time.Date(1969, 7, 20, 0, 0, 0, 0, time.UTC)},
		{"date before 1970 with a nanosecond", appended(dateSchema, landing.Truncate(24*time.Hour).Add(1)), time.Date(1969, 7, 20, 0, 0, 0, 0, time.UTC)},
		{"date a nanosecond before 1970", appended(dateSchema, time.Unix(0, -1)), "not midnight"},
		{"date before 1970 in a zone", appended(dateSchema, time.Date(1960, 1, 1, 0, 0, 0, 0, zone)), "1959-12-31 23:00:00 is before"},
		{"date with a time", appended(dateSchema, time.Date(1970, 1, 1, 23, 59, 59, 0, time.UTC)), days(0)},
		{"date in a zone", appended(dateSchema, time.Date(2020, 1, 1, 0, 0, 0, 0, zone)), time.Date(2019, 12, 31, 0, 0, 0, 0, time.UTC)},
		{"date, the last", appended(dateSchema, days(math.MaxInt32)), days(math.MaxInt32)},
		{"date after the last", appended(dateSchema, days(math.MaxInt32+1)), "the year 5881580 is more than a date holds"},
		{"date, the first", appended(dateSchema, days(math.MinInt32)), days(math.MinInt32)},
		{"date before the first", appended(dateSchema, days(math.MinInt32-1)), "the year -5877641 is more than a date holds"},
		{"time-millis of a month", appended(timeMillis, 720*time.Hour), "720h0m0s is outside of the ±596h31m23.647s of a time-millis"},
		{"time-millis, the last", appended(timeMillis, math.MaxInt32*ms+999999*ns), math.MaxInt32 * ms},
		{"time-millis after the last", appended(timeMillis, (math.MaxInt32+1)*ms), "is outside"},
		{"time-millis, the first", appended(timeMillis, math.MinInt32*ms), math.MinInt32 * ms},
		{"time-millis before the first", appended(timeMillis, (math.MinInt32-1)*ms), "is outside"},
		{"time-micros, the last", appended(timeMicros, time.Duration(math.MaxInt64)), time.Duration(math.MaxInt64 / 1000 * 1000)},
		{"time-micros, the first", appended(timeMicros, time.Duration(math.MinInt64)), time.Duration(math.MinInt64 / 1000 * 1000)},
	})
}

// TestPayloadsOfAges: microseconds are read into nanoseconds.
func TestPayloadsOfAges(t *testing.T) {
	decode := into(avro.Must(avro.New[time.Duration](timeMicros)))
	for _, n := range []int64{math.MaxInt64/1000 + 1, math.MinInt64/1000 - 1, math.MaxInt64, math.MinInt64} {
		if err := decode(varint(n)); err == nil || !strings.Contains(err.Error(), fmt.Sprint(n, " microseconds are more")) {
			t.Errorf("Decode() of %d microseconds = %v", n, err)
		}
	}
	if err := decode(varint(math.MinInt64 / 1000)); err != nil {
		t.Error(err)
	}
}

func TestTimestampsDoNotWrap(t *testing.T) {
	millis := func(n int64) time.Time { return time.UnixMilli(n).UTC() }
	micros := func(n int64) time.Time { return time.UnixMicro(n).UTC() }
	shows := func(t time.Time) time.Time { // on a local clock
		return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), time.Local)
	}
	checkFates(t, []fate{
		{"timestamp-millis, the last", appended(millisSchema, millis(math.MaxInt64).Add(time.Millisecond-1)), millis(math.MaxInt64)},
		{"timestamp-millis after the last", appended(millisSchema, millis(math.MaxInt64).Add(time.Second)), "the year 292278994 is more than the timestamp holds"},
		{"timestamp-millis, the first", appended(millisSchema, millis(math.MinInt64)), millis(math.MinInt64)},
		{"timestamp-millis before the first", appended(millisSchema, millis(math.MinInt64).Add(-1)), "is more than"},
		{"timestamp-millis, cut before 1970", appended(millisSchema, time.Unix(0, -1)), millis(-1)},
		{"timestamp-micros, the last", appended(microsSchema, micros(math.MaxInt64)), micros(math.MaxInt64)},
		{"timestamp-micros after the last", appended(microsSchema, micros(math.MaxInt64).Add(time.Second)), "the year 294247 is more than"},
		{"timestamp-micros before the first", appended(microsSchema, micros(math.MinInt64).Add(-1)), "is more than"},
		{"timestamp-micros of no time", appended(microsSchema, time.Time{}), time.Time{}},
		{"local millis, the last", appended(localMillis, shows(millis(math.MaxInt64))), shows(millis(math.MaxInt64))},
		{"local micros, the first", appended(localMicros, shows(micros(math.MinInt64))), shows(micros(math.MinInt64))},
		{"local millis after the last", appended(localMillis, millis(math.MaxInt64).Add(48*time.Hour)), "is more than"},
		{"local micros after the last", appended(localMicros, micros(math.MaxInt64).Add(48*time.Hour)), "is more than"},
	})
}

type text struct{ s string }

var _ encoding.TextMarshaler = (*text)(nil)

func (x *text) MarshalText() ([]byte, error) { return []byte(x.s), nil }
func (x *text) UnmarshalText(b []byte) error { x.s = string(b); return nil }

var sameRat = cmp.Comparer(func(a, b *big.Rat) bool { return (a == nil) == (b == nil) && (a == nil || a.Cmp(b) == 0) })

// A box holds values wherever a schema may have them.
type box[T any] struct {
	One   T            `avro:"one"`
	Inner *inner[T]    `avro:"inner"`
	Maybe *T           `avro:"maybe"`
	Many  [][]T        `avro:"many"`
	Named map[string]T `avro:"named"`
}

type inner[T any] struct {
	Value T `avro:"value"`
}

// boxes makes the codec of a schema; further uses of a named one are by name.
func boxes[T any](schema, again string) *avro.Codec[box[T]] {
	return avro.Must(avro.New[box[T]](fmt.Sprintf(`{"type":"record","name":"box","fields":[
		{"name":"one","type":%s},
		{"name":"inner","type":{"type":"record","name":"inner","fields":[{"name":"value","type":%s}]}},
		{"name":"maybe","type":["null",%[2]s]},
		{"name":"many","type":{"type":"array","items":{"type":"array","items":%[2]s}}},
		{"name":"named","type":{"type":"map","values":%[2]s}}]}`, schema, again)))
}

func (b box[T]) each(f func(T) T) box[T] {
	one, in, maybe := f(b.One), f(b.Inner.Value), f(*b.Maybe)
	return box[T]{one, &inner[T]{in}, &maybe, [][]T{{}, {f(b.Many[1][0]), f(b.Many[1][1])}},
		map[string]T{"a": f(b.Named["a"]), "b": f(b.Named["b"])}}
}

// TestNoValueBecomesAnother holds for whatever a type holds: an Append fails, or
// Decode gives back what cut makes of the value. What the schema holds is never
// refused. One value of any kind stands among some of the schema.
func TestNoValueBecomesAnother(t *testing.T) {
	instants := rapid.Custom(func(t *rapid.T) time.Time {
		far := rapid.SampledFrom([]int64{1e5, 1e10, 1e14, 1e17}).Draw(t, "far")
		at := time.Unix(rapid.Int64Range(-far, far).Draw(t, "seconds"), rapid.Int64Range(0, 1e9-1).Draw(t, "nanoseconds"))
		return at.In(time.FixedZone("", rapid.IntRange(-86400, 86400).Draw(t, "zone")))
	})
	rats := rapid.Custom(func(t *rapid.T) *big.Rat {
		n := new(big.Int).Mul(big.NewInt(rapid.Int64().Draw(t, "n")), big.NewInt(rapid.Int64Range(1, 100).Draw(t, "times")))
		return new(big.Rat).SetFrac(n, big.NewInt(rapid.Int64Range(1, 1000).Draw(t, "of")))
	})
	cents := func(n int64) *big.Rat { return big.NewRat(n, 100) }
	whole := func(r *big.Rat) *big.Rat { return r }
	utc := func(unit time.Duration) func(time.Time) time.Time {
		return func(at time.Time) time.Time { return at.UTC().Truncate(unit) }
	}
	durations := rapid.Map(rapid.Int64(), func(n int64) time.Duration { return time.Duration(n) })
	cutTo := func(unit time.Duration) func(time.Duration) time.Duration {
		return func(d time.Duration) time.Duration { return d.Truncate(unit) }
	}
	t.Run("decimal", becomes(moneySchema, moneySchema, rats, rapid.Map(rapid.Int64Range(-999999999, 999999999), cents), whole))
	t.Run("fixed", becomes(fixedSchema, `"F"`, rats, rapid.Map(rapid.Int64(), cents), whole))
	t.Run("date", becomes(dateSchema, dateSchema, instants, rapid.Map(rapid.Int32(), func(n int32) time.Time {
		return time.Unix(int64(n)*86400, 0)
	}), utc(24*time.Hour)))
	t.Run("timestamp-millis", becomes(millisSchema, millisSchema, instants, rapid.Map(rapid.Int64(), time.UnixMilli), utc(time.Millisecond)))
	t.Run("timestamp-micros", becomes(microsSchema, microsSchema, instants, rapid.Map(rapid.Int64(), time.UnixMicro), utc(time.Microsecond)))
	t.Run("time-millis", becomes(timeMillis, timeMillis, durations, rapid.Map(rapid.Int32(), func(n int32) time.Duration {
		return time.Duration(n) * time.Millisecond
	}), cutTo(time.Millisecond)))
	t.Run("time-micros", becomes(timeMicros, timeMicros, durations, durations, cutTo(time.Microsecond)))
}

func becomes[T any](schema, again string, every, fits *rapid.Generator[T], cut func(T) T) func(*testing.T) {
	c := boxes[T](schema, again)
	return func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			blank := box[T]{Inner: &inner[T]{}, Maybe: new(T), Many: [][]T{{}, make([]T, 2)}}
			at, i := rapid.IntRange(-1, 6).Draw(t, "at"), -1
			v := blank.each(func(T) T {
				if i++; i == at {
					return every.Draw(t, "value")
				}
				return fits.Draw(t, "fits")
			})
			b, err := c.Append(nil, v)
			if err != nil {
				if at < 0 {
					t.Fatalf("a value of the schema is refused: %v", err)
				}
				return
			}
			var got box[T]
			if err := c.Decode(b, &got); err != nil {
				t.Fatalf("what Append made, Decode refuses: %v", err)
			}
			if diff := cmp.Diff(v.each(cut), got, sameRat); diff != "" {
				t.Fatalf("a value came back as another (-want +got):\n%s", diff)
			}
		})
	}
}

// TestGuardIsInEveryPath: a Mapper is given the tuple where it lies.
func TestGuardIsInEveryPath(t *testing.T) {
	c := boxes[time.Time](dateSchema, dateSchema)
	old := time.Date(1969, 7, 20, 20, 17, 0, 0, time.UTC)
	for i, name := range []string{"One", "Inner.Value", "Maybe", "Many[][]", "Many[][]", "Named[]", "Named[]"} {
		at := -1
		v := box[time.Time]{Inner: &inner[time.Time]{}, Maybe: new(time.Time), Many: [][]time.Time{{}, make([]time.Time, 2)}}
		v = v.each(func(time.Time) time.Time {
			if at++; at == i {
				return old
			}
			return time.Unix(0, 0)
		})
		got, out := collect[[]byte]()
		enc := avro.Encoder(c, func(b []byte) []byte { return b })()
		_, err := c.Append(nil, v)
		for path, err := range map[string]error{
			"Append":  bolt.Reject(err),
			"Execute": enc.Execute(t.Context(), v, out),
			"Mapper":  enc.Mapper(enc)(t.Context(), &v, new([]byte)),
		} {
			if !bolt.IsReject(err) || !strings.Contains(err.Error(), "box[time.Time]."+name+": 1969-07-20 20:17:00 is before 1970") {
				t.Errorf("%s of a bad %s: %v", path, name, err)
			}
		}
		good := v.each(func(time.Time) time.Time { return time.Unix(0, 0).UTC() })
		if err := enc.Execute(t.Context(), good, out); err != nil {
			t.Fatalf("a good value after a bad %s: %v", name, err)
		}
		var back box[time.Time]
		if err := c.Decode(got.got[0], &back); err != nil || len(got.got) != 1 || !cmp.Equal(good, back) {
			t.Errorf("a good value after a bad %s came back as %v, %v", name, back, err)
		}
	}
}

// TestGuardOnlyReads: a map that is appended may have other readers.
func TestGuardOnlyReads(t *testing.T) {
	day := time.Unix(86400, 0).UTC()
	codectest.Run(t, boxes[time.Time](dateSchema, dateSchema), box[time.Time]{
		One: day, Inner: &inner[time.Time]{day}, Maybe: &day, Many: [][]time.Time{{}, {day}}, Named: map[string]time.Time{"a": day},
	})
}

// TestGuardLeavesNilToHamba: a guard must not trip over what is not there.
func TestGuardLeavesNilToHamba(t *testing.T) {
	c := boxes[time.Time](dateSchema, dateSchema)
	if _, err := c.Append(nil, box[time.Time]{Inner: &inner[time.Time]{}}); err != nil {
		t.Errorf("Append() of null, an empty array and an empty map: %v", err)
	}
	if _, err := c.Append(nil, box[time.Time]{}); err == nil || !strings.Contains(err.Error(), "cannot encode nil pointer") {
		t.Errorf("Append() of a nil record: %v", err)
	}
	type outer struct{ *Embedded }
	o := avro.Must(avro.New[outer](`{"type":"record","name":"outer","fields":[{"name":"Day","type":` + dateSchema + `}]}`))
	if _, err := o.Append(nil, outer{}); err == nil || !strings.Contains(err.Error(), `embedded field "Embedded" is nil`) {
		t.Errorf("Append() of a nil embedded struct: %v", err)
	}
	if _, err := o.Append(nil, outer{&Embedded{time.Unix(-1, 0)}}); err == nil || !strings.Contains(err.Error(), "not midnight") {
		t.Errorf("Append() of a bad date in an embedded struct: %v", err)
	}
}

type Embedded struct{ Day time.Time }

// TestLocalTimestampsAreTheWallClock holds around changes of the clock, too, also if
// another program wrote them.
func TestLocalTimestampsAreTheWallClock(t *testing.T) {
	warsaw, err := time.LoadLocation("Europe/Warsaw")
	if err != nil {
		t.Skip(err)
	}
	defer func(was *time.Location) { time.Local = was }(time.Local)
	time.Local = warsaw
	for name, schema := range map[string]string{"millis": localMillis, "micros": localMicros} {
		c := boxes[time.Time](schema, schema)
		plain := avro.Must(avro.New[int64](schema))
		unit := map[string]int64{"millis": 1e3, "micros": 1e6}[name]
		for _, change := range []string{"2024-03-31T01:00:00Z", "2024-10-27T01:00:00Z"} {
			at, _ := time.Parse(time.RFC3339, change)
			for minutes := -300; minutes <= 300; minutes += 30 {
				want := at.Add(time.Duration(minutes)*time.Minute + 123*time.Millisecond).Local()
				v := box[time.Time]{Inner: &inner[time.Time]{}, Maybe: new(time.Time), Many: [][]time.Time{{}, make([]time.Time, 2)}}
				v = v.each(func(time.Time) time.Time { return want.UTC() })
				b, err := c.Append(nil, v)
				var got box[time.Time]
				if err == nil {
					err = c.Decode(b, &got)
				}
				if err != nil {
					t.Fatalf("%s: %v", want, err)
				}
				got.each(func(got time.Time) time.Time {
					twice := change[5:7] == "10" && want.Hour() == 2
					if got.Format(time.StampMicro) != want.Format(time.StampMicro) || !twice && !got.Equal(want) {
						t.Errorf("%s: %s came back as %s", name, want, got)
					}
					return got
				})
				var n int64
				one, _ := avro.Must(avro.New[time.Time](schema)).Append(nil, want)
				if err := plain.Decode(one, &n); err != nil || time.Unix(n/unit, 0).UTC().Format(time.DateTime) != want.Format(time.DateTime) {
					t.Errorf("%s: %s was written as %d, %v", name, want, n, err)
				}
			}
		}
	}
}

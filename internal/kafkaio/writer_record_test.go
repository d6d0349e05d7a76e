package kafkaio

import (
	"reflect"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// A record is encoded as the format has it, and comes back as it was.
func TestRecordEncoding(t *testing.T) {
	some := rapid.SliceOfN(rapid.Byte(), 0, 200)
	field := func(t *rapid.T, name string) []byte {
		if rapid.Bool().Draw(t, name+" is nil") {
			return nil
		}
		return some.Draw(t, name)
	}
	rapid.Check(t, func(t *rapid.T) {
		r := Record{Key: field(t, "key"), Value: field(t, "value")}
		for range rapid.IntRange(0, 3).Draw(t, "headers") {
			r.Headers = append(r.Headers, Header{Key: rapid.String().Draw(t, "name"), Value: field(t, "header")})
		}
		at, place := rapid.Int64Range(-1e12, 1e12).Draw(t, "at"), rapid.Int64Range(0, 1<<31-1).Draw(t, "place")
		encoded := appendRecord(nil, &r, at, place)
		if len(encoded) > size(&r) {
			t.Fatalf("%d bytes, at most %d were expected", len(encoded), size(&r))
		}
		theirs, rest := decodeRecord(t, encoded)
		if len(rest) > 0 || theirs.OffsetDelta != place || theirs.TimestampDelta != time.Duration(at)*time.Millisecond ||
			!reflect.DeepEqual(theirs.Key, r.Key) || !reflect.DeepEqual(theirs.Value, r.Value) ||
			!reflect.DeepEqual(fromHeaders(theirs.Headers), r.Headers) {
			t.Fatalf("%+v became %+v", r, theirs)
		}
		cut := cutter(encoded)
		ours, after := cut.record()
		if len(cut) > 0 || after != at || !reflect.DeepEqual(ours, r) {
			t.Fatalf("%+v became %+v after %d", r, ours, after)
		}
	})
}

// Without that field of sarama's all is well, but slow.
func TestSaramaTakesEncodedRecords(t *testing.T) {
	if !ready.ok {
		t.Error("sarama keeps the encoding of records elsewhere: mend findReady")
	}
}

func TestTimely(t *testing.T) {
	for at, want := range map[time.Time]bool{
		{}: true, time.UnixMilli(0).UTC(): true, time.UnixMilli(-1).UTC(): false,
		time.Date(2261, 12, 31, 23, 59, 59, 0, time.UTC): true, time.Date(2262, 1, 1, 0, 0, 0, 0, time.UTC): false,
	} {
		if Timely(at) != want {
			t.Errorf("%v: timely %v", at, !want)
		}
	}
}

package avro

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"time"

	hamba "github.com/hamba/avro/v2"
)

const day = 24 * 60 * 60 // seconds

// guarded is the walker of a leaf that is a T, or of a type with the memory of a T.
func guarded[T any](path string, check func(*T) error) walker {
	return func(v reflect.Value) error {
		if err := check((*T)(v.Addr().UnsafePointer())); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		return nil
	}
}

// guard refuses the values of a leaf that hamba would write as others, without an
// error. It is nil if there are none.
func guard(s hamba.Schema, t reflect.Type, path string) walker {
	if d, ok := logical(s).(*hamba.DecimalLogicalSchema); ok {
		return guardDecimal(s, d, t, path)
	}
	switch t.Kind() {
	case reflect.Struct:
		if check := times[logicalType(s)]; check != nil {
			return guarded(path, check)
		}
	case reflect.Int64:
		if logicalType(s) == hamba.TimeMillis {
			return guarded(path, checkTimeMillis)
		}
	case reflect.Pointer: // one that makes text of itself
		return func(v reflect.Value) error {
			if v.IsNil() {
				return fmt.Errorf("%s: a nil %s: make it a union with null and a *%s", path, t, t)
			}
			return nil
		}
	}
	return nil
}

var times = map[hamba.LogicalType]func(*time.Time) error{
	hamba.Date: checkDate,
	hamba.TimestampMillis: func(t *time.Time) error {
		return checkTimestamp(t, time.UnixMilli(t.UnixMilli()))
	},
	hamba.TimestampMicros: func(t *time.Time) error {
		return checkTimestamp(t, time.UnixMicro(t.UnixMicro()))
	},
	hamba.LocalTimestampMillis: func(t *time.Time) error {
		wall := wallClock(t.Local(), time.UTC)
		return checkTimestamp(&wall, time.UnixMilli(wall.UnixMilli()))
	},
	hamba.LocalTimestampMicros: func(t *time.Time) error {
		wall := wallClock(t.Local(), time.UTC)
		return checkTimestamp(&wall, time.UnixMicro(wall.UnixMicro()))
	},
}

// checkTimestamp compares t with what comes back of it. Only seconds matter: below
// them hamba cuts to the unit, and always to the past.
func checkTimestamp(t *time.Time, back time.Time) error {
	if t.Unix() != back.Unix() {
		return fmt.Errorf("the year %d is more than the timestamp holds", t.Year())
	}
	return nil
}

// checkDate refuses what hamba would write as the next day: it divides towards 1970.
func checkDate(t *time.Time) error {
	switch s := t.Unix(); {
	case s/day != int64(int32(s/day)):
		return fmt.Errorf("the year %d is more than a date holds", t.Year())
	case s < 0 && s%day != 0:
		return fmt.Errorf("%s is before 1970 and not midnight in UTC: cut it to the day with Truncate(24*time.Hour)",
			t.UTC().Format(time.DateTime))
	}
	return nil
}

func checkTimeMillis(d *time.Duration) error {
	if ms := d.Milliseconds(); ms != int64(int32(ms)) {
		return fmt.Errorf("%s is outside of the ±%s of a time-millis", d, math.MaxInt32*time.Millisecond)
	}
	return nil
}

// wallClock is the time at which a clock in loc shows what t's shows.
func wallClock(t time.Time, loc *time.Location) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), loc)
}

func guardDecimal(s hamba.Schema, d *hamba.DecimalLogicalSchema, t reflect.Type, path string) walker {
	switch t.Kind() {
	case reflect.Pointer:
		var least *big.Int
		if fixed, ok := s.(*hamba.FixedSchema); ok {
			all := new(big.Int).Lsh(big.NewInt(-1), uint(8*fixed.Size()))
			least = all.Quo(all, big.NewInt(2))
		}
		return guarded(path, decimals(d.Scale(), least))
	case reflect.Slice:
		return guarded(path, func(b *[]byte) error {
			if n := decimalBytes(d); len(*b) > n {
				return fmt.Errorf("a decimal of %d bytes, more than the %d that its precision needs", len(*b), n)
			}
			return nil
		})
	}
	return nil
}

// decimals refuses what hamba would round, and below least, unless it is nil, what
// hamba would cut to the bytes of a fixed, with another sign. It leaves to hamba what
// has too many digits.
func decimals(scale int, least *big.Int) func(**big.Rat) error {
	one := new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)
	return func(p **big.Rat) error {
		r := *p
		if r == nil {
			return errors.New("a nil *big.Rat: make it a union with null and a **big.Rat")
		}
		unscaled, rest := new(big.Int).QuoRem(one, r.Denom(), new(big.Int))
		if rest.Sign() != 0 {
			return fmt.Errorf("%s has more than %d decimal places: round it", r.RatString(), scale)
		}
		if least != nil && unscaled.Mul(unscaled, r.Num()).Cmp(least) < 0 {
			return fmt.Errorf("%s takes more bytes than the fixed has", r.RatString())
		}
		return nil
	}
}

package codectest

import (
	"math"
	"reflect"

	"github.com/google/go-cmp/cmp"
)

// diff is what differs, "" if nothing does. NaN equals NaN, whatever the type is named: a
// codec keeps it, and == does not know.
func diff(want, got any) string {
	all := cmp.Exporter(func(reflect.Type) bool { return true })
	nan := cmp.FilterPath(numeric, cmp.FilterValues(same, cmp.Comparer(func(_, _ any) bool { return true })))
	return cmp.Diff(want, got, all, nan)
}

// numeric spares all other values a call of same.
func numeric(p cmp.Path) bool {
	switch p.Last().Type().Kind() {
	case reflect.Float32, reflect.Float64, reflect.Complex64, reflect.Complex128:
		return true
	}
	return false
}

// same reports whether two numbers of one type are equal, NaN included.
func same(x, y any) bool {
	a, b := number(x), number(y)
	return samePart(real(a), real(b)) && samePart(imag(a), imag(b))
}

func samePart(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

func number(x any) complex128 {
	v := reflect.ValueOf(x)
	if v.CanFloat() {
		return complex(v.Float(), 0)
	}
	return v.Complex()
}

package avro

import (
	"reflect"
	"time"
)

// A walker visits the parts of a value that need what hamba does not do: a guard
// before it is encoded, clipBytes or setLocal after it was decoded. A nil walker has nothing
// to do. It is given addressable values, and stops at the first error.
type walker func(v reflect.Value) error

// clipBytes takes the spare capacity from a byte slice. hamba cuts strings and
// byte slices from one slab, so an append to a slice would write over the strings
// behind it.
func clipBytes(v reflect.Value) error {
	v.SetCap(v.Len())
	return nil
}

// setLocal is for a local timestamp that was read as if in UTC. hamba's own codec for
// it takes the offset of another instant, and is wrong by an hour around a change of
// the clock.
func setLocal(v reflect.Value) error {
	t := (*time.Time)(v.Addr().UnsafePointer())
	*t = wallClock(*t, time.Local)
	return nil
}

func (w walker) pointer() walker {
	if w == nil {
		return nil
	}
	return func(v reflect.Value) error {
		if v.IsNil() {
			return nil // null, or else hamba refuses it
		}
		return w(v.Elem())
	}
}

// field is w and then of at the field.
func (w walker) field(index []int, of walker) walker {
	if of == nil {
		return w
	}
	return func(v reflect.Value) error {
		if w != nil {
			if err := w(v); err != nil {
				return err
			}
		}
		at, err := v.FieldByIndexErr(index)
		if err != nil {
			return nil // hamba refuses it: an embedded pointer is nil
		}
		return of(at)
	}
}

func (w walker) elements() walker {
	if w == nil {
		return nil
	}
	return func(v reflect.Value) error {
		for i := range v.Len() {
			if err := w(v.Index(i)); err != nil {
				return err
			}
		}
		return nil
	}
}

// entries visits copies of a map's values. They are put back only if w changes
// them: a map that is about to be encoded may have other readers.
func (w walker) entries(changes bool) walker {
	if w == nil {
		return nil
	}
	return func(v reflect.Value) error {
		value := reflect.New(v.Type().Elem()).Elem()
		for it := v.MapRange(); it.Next(); {
			value.SetIterValue(it)
			if err := w(value); err != nil {
				return err
			}
			if changes {
				v.SetMapIndex(it.Key(), value)
			}
		}
		return nil
	}
}

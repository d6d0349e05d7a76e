package avro

import "reflect"

// A clipper takes the spare capacity from the byte slices of a decoded value.
// hamba cuts strings and byte slices from one slab, so an append to a slice
// would write over the strings behind it. A nil clipper has nothing to do.
type clipper func(v reflect.Value)

func clipBytes(v reflect.Value) { v.SetCap(v.Len()) }

func (c clipper) pointer() clipper {
	if c == nil {
		return nil
	}
	return func(v reflect.Value) {
		if !v.IsNil() {
			c(v.Elem())
		}
	}
}

// field is c and then of at the field.
func (c clipper) field(index []int, of clipper) clipper {
	if of == nil {
		return c
	}
	return func(v reflect.Value) {
		if c != nil {
			c(v)
		}
		of(v.FieldByIndex(index))
	}
}

func (c clipper) elements() clipper {
	if c == nil {
		return nil
	}
	return func(v reflect.Value) {
		for i := range v.Len() {
			c(v.Index(i))
		}
	}
}

func (c clipper) entries() clipper {
	if c == nil {
		return nil
	}
	return func(v reflect.Value) {
		value := reflect.New(v.Type().Elem()).Elem()
		for it := v.MapRange(); it.Next(); {
			value.SetIterValue(it)
			c(value)
			v.SetMapIndex(it.Key(), value)
		}
	}
}

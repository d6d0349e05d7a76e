package codec

import (
	"encoding"
	"reflect"
)

// isBinary reports whether t marshals itself. A struct that embeds such a type, or a
// pointer to one, has its methods, too, but they know nothing of the other fields.
func isBinary(t reflect.Type) bool {
	if t.Kind() == reflect.Interface || t.Kind() == reflect.Pointer {
		return false
	}
	p := reflect.PointerTo(t)
	if !p.Implements(unmarshaler) || !p.Implements(marshaler) && !p.Implements(appender) {
		return false
	}
	return !embeds(t)
}

var (
	unmarshaler = reflect.TypeFor[encoding.BinaryUnmarshaler]()
	marshaler   = reflect.TypeFor[encoding.BinaryMarshaler]()
	appender    = reflect.TypeFor[encoding.BinaryAppender]()
)

// embeds reports whether t may have a marshalling method of a field that it embeds.
func embeds(t reflect.Type) bool {
	if t.Kind() != reflect.Struct {
		return false
	}
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.Anonymous {
			continue
		}
		has := f.Type
		if has.Kind() != reflect.Interface && has.Kind() != reflect.Pointer {
			has = reflect.PointerTo(has)
		}
		if has.Implements(unmarshaler) || has.Implements(marshaler) || has.Implements(appender) {
			return true
		}
	}
	return false
}

package codectest

import (
	"reflect"
	"time"
	"unsafe"
)

// clone is a deep copy of v, unexported fields included, by which a codec that writes
// what v points to is found. Channels, functions and the keys of maps are shared.
func clone[T any](v T) (c T) {
	cloner{}.copy(reflect.ValueOf(&c).Elem(), reflect.ValueOf(&v).Elem())
	return c
}

// A cloner knows the copies of pointers: two to one object stay two to one object, and
// what points to itself has an end.
type cloner map[pointer]reflect.Value

type pointer struct {
	to unsafe.Pointer
	of reflect.Type // a struct is where its first field is
}

// copy copies src to dst. Both can be addressed.
func (c cloner) copy(dst, src reflect.Value) {
	dst, src = open(dst), open(src)
	dst.Set(src)
	switch src.Kind() {
	case reflect.Struct:
		for i := range src.NumField() {
			c.copy(dst.Field(i), src.Field(i))
		}
	case reflect.Array:
		c.elements(dst, src)
	case reflect.Slice:
		if !src.IsNil() {
			dst.Set(reflect.MakeSlice(src.Type(), src.Len(), src.Len()))
			c.elements(dst, src)
		}
	case reflect.Map:
		if !src.IsNil() {
			dst.Set(reflect.MakeMapWithSize(src.Type(), src.Len()))
			for it := src.MapRange(); it.Next(); {
				dst.SetMapIndex(it.Key(), c.of(it.Value()))
			}
		}
	case reflect.Interface:
		if !src.IsNil() {
			dst.Set(c.of(src.Elem()))
		}
	case reflect.Pointer:
		c.pointer(dst, src)
	}
}

func (c cloner) elements(dst, src reflect.Value) {
	if kind := src.Type().Elem().Kind(); kind <= reflect.Complex128 || kind == reflect.String {
		reflect.Copy(dst, src) // a large []byte has no pointers to follow
		return
	}
	for i := range src.Len() {
		c.copy(dst.Index(i), src.Index(i))
	}
}

func (c cloner) pointer(dst, src reflect.Value) {
	if _, zone := src.Interface().(*time.Location); zone || src.IsNil() {
		return // time.Local fills itself in when it is first asked
	}
	p := pointer{src.UnsafePointer(), src.Type()}
	made, known := c[p]
	if !known {
		made = reflect.New(src.Type().Elem())
		c[p] = made
		c.copy(made.Elem(), src.Elem())
	}
	dst.Set(made)
}

// of is a copy of v, which cannot be addressed.
func (c cloner) of(v reflect.Value) reflect.Value {
	src, dst := reflect.New(v.Type()).Elem(), reflect.New(v.Type()).Elem()
	src.Set(v)
	c.copy(dst, src)
	return dst
}

// open is v, also if it is an unexported field.
func open(v reflect.Value) reflect.Value {
	return reflect.NewAt(v.Type(), unsafe.Pointer(v.UnsafeAddr())).Elem()
}

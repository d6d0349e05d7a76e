package codec

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"
	"unsafe"
)

// A kind says how an op's bytes are written and where they live in memory.
type kind uint8

const (
	boolKind kind = iota
	int8Kind
	int16Kind
	int32Kind
	int64Kind
	uint8Kind
	uint16Kind
	uint32Kind
	uint64Kind
	float32Kind
	float64Kind
	stringKind
	bytesKind
	timeKind
	binaryKind
	rawKind
	arrayKind
	sliceKind
	mapKind
	pointerKind
)

// A plan is the compiled layout of a type: one op per leaf, nested structs laid
// flat. It is immutable.
type plan struct {
	ops   []op
	least int    // the fewest bytes a value can take
	text  string // the layout in words, for Name
}

// An op writes and reads what lies at one offset of a value.
type op struct {
	kind   kind
	offset uintptr
	n      int          // rawKind, arrayKind: how many elements
	size   uintptr      // arrayKind, sliceKind: bytes of memory an element takes
	typ    reflect.Type // binaryKind, sliceKind, mapKind, pointerKind
	key    *plan        // mapKind
	elem   *plan        // arrayKind, sliceKind, mapKind, pointerKind
	path   string       // for errors
}

var basic = map[reflect.Kind]struct {
	kind  kind
	least int
}{
	reflect.Bool:    {boolKind, 1},
	reflect.Int8:    {int8Kind, 1},
	reflect.Int16:   {int16Kind, 1},
	reflect.Int32:   {int32Kind, 1},
	reflect.Int64:   {int64Kind, 1},
	reflect.Uint8:   {uint8Kind, 1},
	reflect.Uint16:  {uint16Kind, 1},
	reflect.Uint32:  {uint32Kind, 1},
	reflect.Uint64:  {uint64Kind, 1},
	reflect.Float32: {float32Kind, 4},
	reflect.Float64: {float64Kind, 8},
	reflect.String:  {stringKind, 1},
}

// A compiler makes plans; open are the types it is inside of.
type compiler struct{ open []reflect.Type }

func (c *compiler) plan(t reflect.Type, path string) (*plan, error) {
	for _, o := range c.open {
		if o == t {
			return nil, refuse(path, "a recursive type")
		}
	}
	c.open = append(c.open, t)
	defer func() { c.open = c.open[:len(c.open)-1] }()
	switch {
	case t == reflect.TypeFor[time.Time]():
		return leaf(op{kind: timeKind, path: path}, 3, "time"), nil
	case isBinary(t):
		return leaf(op{kind: binaryKind, typ: t, path: path}, 1, "binary "+t.String()), nil
	}
	if b, ok := basic[t.Kind()]; ok {
		return leaf(op{kind: b.kind, path: path}, b.least, t.Kind().String()), nil
	}
	switch t.Kind() {
	case reflect.Int, reflect.Uint:
		return wordPlan(t, path), nil
	case reflect.Complex64, reflect.Complex128:
		return complexPlan(t, path), nil
	case reflect.Struct:
		return c.structPlan(t, path)
	case reflect.Array, reflect.Slice, reflect.Pointer:
		return c.elemPlan(t, path)
	case reflect.Map:
		return c.mapPlan(t, path)
	}
	return nil, refuse(path, describe(t))
}

// wordPlan writes int and uint as their 64-bit kinds, so that workers of
// different word sizes understand each other.
func wordPlan(t reflect.Type, path string) *plan {
	k := int64Kind
	switch {
	case t.Kind() == reflect.Int && strconv.IntSize == 32:
		k = int32Kind
	case t.Kind() == reflect.Uint && strconv.IntSize == 32:
		k = uint32Kind
	case t.Kind() == reflect.Uint:
		k = uint64Kind
	}
	return leaf(op{kind: k, path: path}, 1, t.Kind().String())
}

func complexPlan(t reflect.Type, path string) *plan {
	k, half := float32Kind, t.Size()/2
	if half == 8 {
		k = float64Kind
	}
	parts := []op{{kind: k, path: path}, {kind: k, offset: half, path: path}}
	return &plan{ops: parts, least: int(t.Size()), text: t.Kind().String()}
}

func (c *compiler) structPlan(t reflect.Type, path string) (*plan, error) {
	p := &plan{}
	var text strings.Builder
	for i := range t.NumField() {
		f := t.Field(i)
		at := path + "." + f.Name
		if !f.IsExported() && (!f.Anonymous || f.Type.Kind() != reflect.Struct) {
			return nil, refuse(at, "an unexported field")
		}
		sub, err := c.plan(f.Type, at)
		if err != nil {
			return nil, err
		}
		for _, o := range sub.ops {
			o.offset += f.Offset
			p.ops = append(p.ops, o)
		}
		p.least += sub.least
		fmt.Fprintf(&text, "%s %s;", f.Name, sub.text)
	}
	p.text = "{" + text.String() + "}"
	return p, nil
}

func (c *compiler) elemPlan(t reflect.Type, path string) (*plan, error) {
	at := path + "[]"
	if t.Kind() == reflect.Pointer {
		at = path
	}
	elem, err := c.plan(t.Elem(), at)
	if err != nil {
		return nil, err
	}
	isByte := len(elem.ops) == 1 && elem.ops[0].kind == uint8Kind && t.Elem().Size() == 1
	o := op{typ: t, elem: elem, size: t.Elem().Size(), path: path}
	switch {
	case t.Kind() == reflect.Pointer:
		o.kind = pointerKind
		return leaf(o, 1, "*"+elem.text), nil
	case t.Kind() == reflect.Slice && isByte:
		o.kind = bytesKind
		return leaf(o, 1, "bytes"), nil
	case t.Kind() == reflect.Slice && elem.least == 0:
		return nil, refuse(path, "a slice of elements that take no bytes")
	case t.Kind() == reflect.Slice:
		o.kind = sliceKind
		return leaf(o, 1, "[]"+elem.text), nil
	}
	o.n = t.Len()
	text := "[" + strconv.Itoa(o.n) + "]" + elem.text
	if o.kind = arrayKind; isByte {
		o.kind = rawKind
	}
	if elem.least == 0 {
		return &plan{text: text}, nil
	}
	return leaf(o, o.n*elem.least, text), nil
}

func (c *compiler) mapPlan(t reflect.Type, path string) (*plan, error) {
	key, err := c.plan(t.Key(), path+"[key]")
	if err != nil {
		return nil, err
	}
	elem, err := c.plan(t.Elem(), path+"[]")
	if err != nil {
		return nil, err
	}
	if key.least == 0 {
		return nil, refuse(path, "a map whose keys take no bytes")
	}
	o := op{kind: mapKind, typ: t, key: key, elem: elem, path: path}
	return leaf(o, 1, "map["+key.text+"]"+elem.text), nil
}

func leaf(o op, least int, text string) *plan {
	return &plan{ops: []op{o}, least: least, text: text}
}

func describe(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Interface:
		if t == reflect.TypeFor[error]() {
			return "an error"
		}
		return "an interface"
	case reflect.Func:
		return "a func"
	case reflect.Chan:
		return "a channel"
	}
	return "a " + t.Kind().String()
}

func refuse(path, what string) error {
	return fmt.Errorf("%s: %s cannot travel between workers; name a codec with Stream.Codec", path, what)
}

// at is where o's bytes live in the value at base. All arithmetic on addresses
// in this package is here and in element; offsets and sizes come from reflect.
func (o *op) at(base unsafe.Pointer) unsafe.Pointer { return unsafe.Add(base, o.offset) }

func (o *op) element(first unsafe.Pointer, i int) unsafe.Pointer {
	return unsafe.Add(first, uintptr(i)*o.size)
}

package avro

import (
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"

	hamba "github.com/hamba/avro/v2"
	"github.com/modern-go/reflect2"
)

// A fitter walks a schema and a type side by side. It makes the program that
// checks payloads and refuses what hamba cannot do safely.
type fitter struct {
	api  hamba.API
	open []hamba.Schema // the named schemas it is inside of
}

// part is what a schema comes to: a program for its bytes, how few they can be,
// and what to do to the decoded value.
type part struct {
	program program
	least   int
	clip    clipper
}

func fit[T any](api hamba.API, s hamba.Schema) (program, clipper, error) {
	t := reflect.TypeFor[T]()
	f := &fitter{api: api}
	p, err := f.fit(s, t, t.String())
	if err == nil && p.least == 0 {
		err = errors.New("values of the schema take no bytes")
	}
	return p.program, p.clip, err
}

func (f *fitter) fit(s hamba.Schema, t reflect.Type, path string) (part, error) {
	if r, ok := s.(*hamba.RefSchema); ok {
		s = r.Schema()
	}
	switch s := s.(type) {
	case *hamba.RecordSchema:
		return f.record(s, t, path)
	case *hamba.ArraySchema:
		return f.array(s, t, path)
	case *hamba.MapSchema:
		return f.mapping(s, t, path)
	case *hamba.UnionSchema:
		return f.union(s, t, path)
	}
	return f.leaf(s, t, path)
}

func (f *fitter) record(s *hamba.RecordSchema, t reflect.Type, path string) (part, error) {
	if slices.Contains(f.open, hamba.Schema(s)) {
		return part{}, fmt.Errorf("%s: record %s contains itself, so that a payload's depth has no bound",
			path, s.FullName())
	}
	f.open = append(f.open, s)
	defer func() { f.open = f.open[:len(f.open)-1] }()
	if t.Kind() == reflect.Pointer {
		p, err := f.fields(s, t.Elem(), path)
		p.clip = p.clip.pointer()
		return p, err
	}
	return f.fields(s, t, path)
}

func (f *fitter) fields(s *hamba.RecordSchema, t reflect.Type, path string) (part, error) {
	if t.Kind() != reflect.Struct {
		return part{}, mismatch(path, t, s)
	}
	var p part
	for _, field := range s.Fields() {
		sf, ok := fieldOf(t, field)
		if !ok {
			return p, fmt.Errorf("%s: no field for %q of record %s: name one %s or tag it `avro:%q`",
				path, field.Name(), s.FullName(), exported(field.Name()), field.Name())
		}
		sub, err := f.fit(field.Type(), sf.Type, path+"."+sf.Name)
		if err != nil {
			return p, err
		}
		p.program = append(p.program, sub.program...)
		p.least += sub.least
		p.clip = p.clip.field(sf.Index, sub.clip)
	}
	return p, nil
}

// fieldOf finds a field as hamba does: the outermost of its name, embedded
// structs included. Aliases do not count: hamba reads by them, but does not
// write.
func fieldOf(t reflect.Type, field *hamba.Field) (found reflect.StructField, ok bool) {
	for _, sf := range reflect.VisibleFields(t) {
		name := sf.Name
		if tag, tagged := sf.Tag.Lookup("avro"); tagged {
			name, _, _ = strings.Cut(tag, ",")
		}
		if name != field.Name() || !sf.IsExported() || sf.Anonymous {
			continue
		}
		if !ok || len(sf.Index) < len(found.Index) {
			found, ok = sf, true
		}
	}
	return found, ok
}

func exported(name string) string { return strings.ToUpper(name[:1]) + name[1:] }

func (f *fitter) array(s *hamba.ArraySchema, t reflect.Type, path string) (part, error) {
	if t.Kind() != reflect.Slice {
		return part{}, mismatch(path, t, s)
	}
	p, err := f.fit(s.Items(), t.Elem(), path+"[]")
	if err == nil && p.least == 0 {
		err = fmt.Errorf("%s: elements that take no bytes, so that their number has no bound", path)
	}
	st := step{shape: shapeArray, least: p.least, of: []program{p.program}, path: path}
	return part{program{st}, 1, p.clip.elements()}, err
}

func (f *fitter) mapping(s *hamba.MapSchema, t reflect.Type, path string) (part, error) {
	if t.Kind() != reflect.Map || t.Key().Kind() != reflect.String {
		return part{}, mismatch(path, t, s)
	}
	p, err := f.fit(s.Values(), t.Elem(), path+"[]")
	entry := append(program{{shape: shapeBytes, path: path + "[key]"}}, p.program...)
	st := step{shape: shapeMap, least: 1 + p.least, of: []program{entry}, path: path}
	return part{program{st}, 1, p.clip.entries()}, err
}

// union takes null and one other type, in any order.
func (f *fitter) union(s *hamba.UnionSchema, t reflect.Type, path string) (part, error) {
	if !s.Nullable() {
		return part{}, fmt.Errorf("%s: a union of other than null and one type is not supported: %s", path, s)
	}
	_, i := s.Indices()
	elem := t
	if t.Kind() == reflect.Pointer {
		elem = t.Elem()
	} else if t.Kind() != reflect.Slice {
		return part{}, fmt.Errorf("%s: null does not fit %s, use *%s", path, t, t)
	}
	p, err := f.fit(s.Types()[i], elem, path)
	of := make([]program, 2)
	of[i] = p.program
	if t.Kind() == reflect.Pointer {
		p.clip = p.clip.pointer()
	}
	return part{program{{shape: shapeUnion, of: of, path: path}}, 1, p.clip}, err
}

var leaves = map[hamba.Type]struct {
	shape    shape
	n, least int
}{
	hamba.Int:     {shapeInt, 0, 1},
	hamba.Long:    {shapeLong, 0, 1},
	hamba.Boolean: {shapeBool, 0, 1},
	hamba.Float:   {shapeSkip, 4, 4},
	hamba.Double:  {shapeSkip, 8, 8},
	hamba.String:  {shapeBytes, 0, 1},
	hamba.Bytes:   {shapeBytes, 0, 1},
}

func (f *fitter) leaf(s hamba.Schema, t reflect.Type, path string) (part, error) {
	if s.Type() == hamba.Null {
		return part{}, fmt.Errorf("%s: null is supported in a union only", path)
	}
	if !f.takes(s, t) {
		return part{}, mismatch(path, t, s)
	}
	var p part
	switch s := s.(type) {
	case *hamba.EnumSchema:
		p = part{program{{shape: shapeIndex, n: len(s.Symbols())}}, 1, nil}
	case *hamba.FixedSchema:
		p = part{program{{shape: shapeSkip, n: s.Size()}}, s.Size(), nil}
	default:
		l, ok := leaves[s.Type()]
		if !ok {
			return p, mismatch(path, t, s)
		}
		p = part{program{{shape: l.shape, n: l.n}}, l.least, nil}
	}
	p.program[0].path = path
	if s.Type() == hamba.Bytes && t.Kind() == reflect.Slice {
		p.clip = clipBytes
	}
	if d, ok := decimal(s); ok && s.Type() == hamba.Bytes {
		// A fraction of millions of digits would take seconds to reduce. A
		// digit takes less than half a byte.
		p.program[0].n = d.Precision()/2 + 2
	}
	return p, nil
}

func decimal(s hamba.Schema) (*hamba.DecimalLogicalSchema, bool) {
	l, ok := s.(hamba.LogicalTypeSchema)
	if !ok {
		return nil, false
	}
	d, ok := l.Logical().(*hamba.DecimalLogicalSchema)
	return d, ok
}

// takes reports whether hamba can hold s in a t. It says so with a codec of an
// unexported type that fails on every use.
func (f *fitter) takes(s hamba.Schema, t reflect.Type) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	switch {
	case t.Kind() == reflect.Interface:
		return false // whatever comes: no type to check it against
	case s.Type() == hamba.Fixed && t.Kind() == reflect.Uint64:
		return false // hamba's codec for it has a buffer that all goroutines share
	case t.Kind() == reflect.Struct && t.ConvertibleTo(reflect.TypeFor[big.Rat]()):
		return false // hamba writes a pointer into it; *big.Rat is sound
	}
	switch t.Kind() {
	case reflect.Int8, reflect.Int16, reflect.Uint8, reflect.Uint16, reflect.Uint32:
		return false // hamba cuts off what does not fit
	case reflect.Int:
		if s.Type() == hamba.Int || strconv.IntSize < 64 {
			return false // the same
		}
	}
	typ := reflect2.Type2(t)
	dec := f.api.DecoderOf(s, reflect2.PtrTo(typ))
	enc := f.api.EncoderOf(s, typ)
	return fmt.Sprintf("%T", dec) != "*avro.errorDecoder" && fmt.Sprintf("%T", enc) != "*avro.errorEncoder"
}

func mismatch(path string, t reflect.Type, s hamba.Schema) error {
	return fmt.Errorf("%s: %s does not hold Avro %s", path, t, s)
}

package avro

import (
	"encoding"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

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
// what a value must pass before it is encoded, and what to do to a decoded one.
type part struct {
	program program
	least   int
	guard   walker
	finish  walker
}

func fit[T any](api hamba.API, s hamba.Schema) (part, error) {
	t := reflect.TypeFor[T]()
	f := &fitter{api: api}
	p, err := f.fit(s, t, t.String())
	if err == nil && p.least == 0 {
		err = errors.New("values of the schema take no bytes")
	}
	return p, err
}

// pointer is the part of a pointer to p's values.
func (p part) pointer() part {
	p.guard, p.finish = p.guard.pointer(), p.finish.pointer()
	return p
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
		return p.pointer(), err
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
			return p, fmt.Errorf("%s: no field for %q of record %s: tag one `avro:%q` that is exported and not embedded",
				path, field.Name(), s.FullName(), field.Name())
		}
		sub, err := f.fit(field.Type(), sf.Type, path+"."+sf.Name)
		if err != nil {
			return p, err
		}
		p.program = append(p.program, sub.program...)
		p.least += sub.least
		p.guard = p.guard.field(sf.Index, sub.guard)
		p.finish = p.finish.field(sf.Index, sub.finish)
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

func (f *fitter) array(s *hamba.ArraySchema, t reflect.Type, path string) (part, error) {
	if t.Kind() != reflect.Slice {
		return part{}, mismatch(path, t, s)
	}
	p, err := f.fit(s.Items(), t.Elem(), path+"[]")
	if err == nil && p.least == 0 {
		err = fmt.Errorf("%s: elements that take no bytes, so that their number has no bound", path)
	}
	st := step{shape: shapeArray, least: p.least, of: []program{p.program}, path: path}
	return part{program{st}, 1, p.guard.elements(), p.finish.elements()}, err
}

func (f *fitter) mapping(s *hamba.MapSchema, t reflect.Type, path string) (part, error) {
	if t.Kind() != reflect.Map || t.Key().Kind() != reflect.String {
		return part{}, mismatch(path, t, s)
	}
	p, err := f.fit(s.Values(), t.Elem(), path+"[]")
	entry := append(program{{shape: shapeBytes, path: path + "[key]"}}, p.program...)
	st := step{shape: shapeMap, least: 1 + p.least, of: []program{entry}, path: path}
	return part{program{st}, 1, p.guard.entries(false), p.finish.entries(true)}, err
}

// union takes null and one other type, in any order.
func (f *fitter) union(s *hamba.UnionSchema, t reflect.Type, path string) (part, error) {
	if !s.Nullable() {
		return part{}, fmt.Errorf("%s: a union of other than null and one type is not supported: %s", path, s)
	}
	if t.Implements(reflect.TypeFor[hamba.UnionConverter]()) {
		return part{}, fmt.Errorf("%s: %s makes its own values of a union, which nothing can check", path, t)
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
		p = p.pointer()
	}
	return part{program{{shape: shapeUnion, of: of, path: path}}, 1, p.guard, p.finish}, err
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
	if (s.Type() == hamba.String || s.Type() == hamba.Enum && t.Kind() == reflect.Pointer) && !sameText(t) {
		return part{}, fmt.Errorf("%s: %s makes text of itself for hamba only where it is written, or only where it is read: "+
			"it needs UnmarshalText, and MarshalText of the value itself", path, t)
	}
	if !f.takes(s, t) {
		return part{}, mismatch(path, t, s)
	}
	var p part
	switch s := s.(type) {
	case *hamba.EnumSchema:
		p = part{program: program{{shape: shapeIndex, n: len(s.Symbols())}}, least: 1}
	case *hamba.FixedSchema:
		p = part{program: program{{shape: shapeSkip, n: s.Size()}}, least: s.Size()}
	default:
		l, ok := leaves[s.Type()]
		if !ok {
			return p, mismatch(path, t, s)
		}
		p = part{program: program{{shape: l.shape, n: l.n}}, least: l.least}
	}
	p.program[0].path = path
	if s.Type() == hamba.Bytes && t.Kind() == reflect.Slice {
		p.finish = clipBytes
	}
	if d, ok := logical(s).(*hamba.DecimalLogicalSchema); ok && s.Type() == hamba.Bytes {
		// A fraction of millions of digits would take seconds to reduce.
		p.program[0].n = decimalBytes(d)
	}
	if l := logicalType(s); t.Kind() == reflect.Struct && (l == hamba.LocalTimestampMillis || l == hamba.LocalTimestampMicros) {
		p.finish = setLocal
	}
	if logicalType(s) == hamba.TimeMicros {
		p.program[0].shape = shapeMicros // hamba multiplies them
	}
	p.guard = guard(s, t, path)
	return p, nil
}

var (
	marshaler   = reflect.TypeFor[encoding.TextMarshaler]()
	unmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

// sameText reports whether hamba writes and reads a t by the same rule: both by its text
// methods or both without. It finds that of a pointer only where it reads, and takes a
// type of strings for what it is where it finds none.
func sameText(t reflect.Type) bool {
	return t.Implements(marshaler) == (t.Implements(unmarshaler) || reflect.PointerTo(t).Implements(unmarshaler))
}

// logical is nil for a schema without a logical type that hamba knows.
func logical(s hamba.Schema) hamba.LogicalSchema {
	if l, ok := s.(hamba.LogicalTypeSchema); ok {
		return l.Logical()
	}
	return nil
}

func logicalType(s hamba.Schema) hamba.LogicalType {
	if l := logical(s); l != nil {
		return l.Type()
	}
	return ""
}

// decimalBytes is no fewer than a decimal needs: a digit takes less than half a byte.
func decimalBytes(d *hamba.DecimalLogicalSchema) int { return d.Precision()/2 + 2 }

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
	case reflect.Int64:
		if !holds(t, logicalType(s)) {
			return false
		}
	}
	typ := reflect2.Type2(t)
	dec := f.api.DecoderOf(s, reflect2.PtrTo(typ))
	enc := f.api.EncoderOf(s, typ)
	return fmt.Sprintf("%T", dec) != "*avro.errorDecoder" && fmt.Sprintf("%T", enc) != "*avro.errorEncoder"
}

// holds reports whether an int64 type is what hamba takes it for: nanoseconds as a
// time of day, which it cuts, and the schema's own unit otherwise, which nanoseconds
// of a Duration are not.
func holds(t reflect.Type, l hamba.LogicalType) bool {
	switch duration := t == reflect.TypeFor[time.Duration](); l {
	case hamba.TimeMillis, hamba.TimeMicros:
		return duration
	case hamba.LocalTimestampMillis, hamba.LocalTimestampMicros:
		return !duration
	}
	return true
}

func mismatch(path string, t reflect.Type, s hamba.Schema) error {
	return fmt.Errorf("%s: %s does not hold Avro %s", path, t, s)
}

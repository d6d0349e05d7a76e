package topology

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/spout"
)

// A contract is an optional interface that an object seems to mean: it has a method
// of that name, but maybe not all that would make the engine call it.
type contract struct {
	want    reflect.Type
	methods []lookup
}

// A lookup finds one method of a type.
type lookup func(reflect.Type) (reflect.Method, bool)

// The names are constants in the calls of MethodByName: with variables the linker
// would keep every exported method of the program.
func open(t reflect.Type) (reflect.Method, bool)    { return t.MethodByName("Open") }
func closed(t reflect.Type) (reflect.Method, bool)  { return t.MethodByName("Close") }
func ack(t reflect.Type) (reflect.Method, bool)     { return t.MethodByName("Ack") }
func failed(t reflect.Type) (reflect.Method, bool)  { return t.MethodByName("Fail") }
func every(t reflect.Type) (reflect.Method, bool)   { return t.MethodByName("Every") }
func tick(t reflect.Type) (reflect.Method, bool)    { return t.MethodByName("Tick") }
func drained(t reflect.Type) (reflect.Method, bool) { return t.MethodByName("Drained") }

var (
	opener  = contract{reflect.TypeFor[bolt.Opener](), []lookup{open}}
	closer  = contract{reflect.TypeFor[io.Closer](), []lookup{closed}}
	tracker = contract{reflect.TypeFor[spout.Tracker](), []lookup{ack, failed}}
)

func ticker[O any]() contract {
	return contract{reflect.TypeFor[bolt.Ticker[O]](), []lookup{every, tick}}
}

func drainer[O any]() contract {
	return contract{reflect.TypeFor[bolt.Drainer[O]](), []lookup{drained}}
}

// checkMethods reports methods that look like those of an optional interface
// but would never be called.
func (b *Builder) checkMethods(component string, object reflect.Type, cs ...contract) {
	for _, c := range cs {
		if object.Kind() == reflect.Interface || object.Implements(c.want) {
			continue
		}
		has, wrong := c.differences(object)
		if pointer := reflect.PointerTo(object); pointer.Implements(c.want) {
			has, _ = c.differences(pointer)
			wrong = errors.New("only a pointer has all of it; return a pointer")
		} else if has == "" {
			has, wrong = c.differences(pointer)
		}
		if has != "" {
			b.fail(component, fmt.Errorf("%v has a method %s but is not a %v, so it would never be called: %w", object, has, c.want, wrong))
		}
	}
}

// differences are what object lacks of the contract, and the first method that it
// has of it, if any.
func (c contract) differences(object reflect.Type) (has string, wrong error) {
	var all []string
	for _, look := range c.methods {
		want, _ := look(c.want)
		have, ok := look(object)
		if !ok {
			all = append(all, fmt.Sprintf("it has no %s, want %v", want.Name, want.Type))
			continue
		}
		if has == "" {
			has = want.Name
		}
		if sign := signature(have.Type); sign != want.Type {
			all = append(all, fmt.Sprintf("have %s %v, want %v", want.Name, sign, want.Type))
		}
	}
	return has, errors.New(strings.Join(all, "; "))
}

// signature is a method's type without the receiver.
func signature(m reflect.Type) reflect.Type {
	var in, out []reflect.Type
	for i := 1; i < m.NumIn(); i++ {
		in = append(in, m.In(i))
	}
	for i := range m.NumOut() {
		out = append(out, m.Out(i))
	}
	return reflect.FuncOf(in, out, m.IsVariadic())
}

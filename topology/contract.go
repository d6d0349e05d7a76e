package topology

import (
	"fmt"
	"io"
	"reflect"

	"github.com/waterspout/waterspout/bolt"
	"github.com/waterspout/waterspout/spout"
)

// A contract is an optional interface that an object seems to mean: it has the
// method, but not with the signature that would make the engine call it.
type contract struct {
	object reflect.Type
	method reflect.Method
	want   reflect.Type
}

// The method names are constants in the calls of MethodByName: with variables
// the linker would keep every exported method of the program.

func spoutContracts(t reflect.Type) []contract {
	tracker := reflect.TypeFor[spout.Tracker]()
	cs := lifeContracts(t)
	if m, ok := t.MethodByName("Ack"); ok {
		cs = append(cs, contract{t, m, tracker})
	}
	if m, ok := t.MethodByName("Fail"); ok {
		cs = append(cs, contract{t, m, tracker})
	}
	return cs
}

func boltContracts[O any](t reflect.Type) []contract {
	ticker := reflect.TypeFor[bolt.Ticker[O]]()
	cs := lifeContracts(t)
	if m, ok := t.MethodByName("Tick"); ok {
		cs = append(cs, contract{t, m, ticker})
	}
	if m, ok := t.MethodByName("Every"); ok {
		cs = append(cs, contract{t, m, ticker})
	}
	if m, ok := t.MethodByName("Drained"); ok {
		cs = append(cs, contract{t, m, reflect.TypeFor[bolt.Drainer[O]]()})
	}
	return cs
}

func lifeContracts(t reflect.Type) (cs []contract) {
	if m, ok := t.MethodByName("Open"); ok {
		cs = append(cs, contract{t, m, reflect.TypeFor[bolt.Opener]()})
	}
	if m, ok := t.MethodByName("Close"); ok {
		cs = append(cs, contract{t, m, reflect.TypeFor[io.Closer]()})
	}
	return cs
}

// checkMethods reports methods that look like those of an optional interface
// but would never be called.
func (b *Builder) checkMethods(component string, cs []contract) {
	for _, c := range cs {
		if c.object.Kind() == reflect.Interface || c.object.Implements(c.want) {
			continue
		}
		b.fail(component, fmt.Errorf("%v has a method %s but is not a %v, so it would never be called; have %v",
			c.object, c.method.Name, c.want, c.method.Type))
	}
}

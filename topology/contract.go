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
	tracker, opener, closer := reflect.TypeFor[spout.Tracker](), reflect.TypeFor[spout.Opener](), reflect.TypeFor[io.Closer]()
	var cs []contract
	if m, ok := t.MethodByName("Ack"); ok {
		cs = append(cs, contract{t, m, tracker})
	}
	if m, ok := t.MethodByName("Fail"); ok {
		cs = append(cs, contract{t, m, tracker})
	}
	if m, ok := t.MethodByName("Open"); ok {
		cs = append(cs, contract{t, m, opener})
	}
	if m, ok := t.MethodByName("Close"); ok {
		cs = append(cs, contract{t, m, closer})
	}
	return cs
}

func boltContracts[O any](t reflect.Type) []contract {
	ticker, opener, closer := reflect.TypeFor[bolt.Ticker[O]](), reflect.TypeFor[bolt.Opener](), reflect.TypeFor[io.Closer]()
	drainer := reflect.TypeFor[bolt.Drainer[O]]()
	var cs []contract
	if m, ok := t.MethodByName("Tick"); ok {
		cs = append(cs, contract{t, m, ticker})
	}
	if m, ok := t.MethodByName("Every"); ok {
		cs = append(cs, contract{t, m, ticker})
	}
	if m, ok := t.MethodByName("Drained"); ok {
		cs = append(cs, contract{t, m, drainer})
	}
	if m, ok := t.MethodByName("Open"); ok {
		cs = append(cs, contract{t, m, opener})
	}
	if m, ok := t.MethodByName("Close"); ok {
		cs = append(cs, contract{t, m, closer})
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

package simulation

import "iter"

// A fiber is a goroutine of a process in virtual time: code that blocks, of which
// only one runs at a time. It ends with its process.
type fiber struct {
	process *process
	next    func() (struct{}, bool)
	stop    func()
	yield   func(struct{}) bool
	sleep   int // number of the present sleep
	asleep  bool
	woken   bool // somebody called wake since it fell asleep last
	ended   bool
}

// errKilled unwinds a fiber whose process died.
type killed struct{}

// fiber starts body at once, as an event.
func (p *process) fiber(body func(f *fiber)) *fiber {
	f := &fiber{process: p}
	f.next, f.stop = iter.Pull(func(yield func(struct{}) bool) {
		defer func() {
			f.ended = true
			if r := recover(); r != nil && r != any(killed{}) {
				panic(r)
			}
		}()
		f.yield = yield
		body(f)
	})
	p.fibers = append(p.fibers, f)
	f.asleep = true
	f.resume(0)
	return f
}

func (f *fiber) resume(d int64) {
	number := f.sleep
	f.process.after(d, func() {
		if f.asleep && f.sleep == number && !f.ended {
			f.asleep = false
			f.next()
		}
	})
}

// wait sleeps until that time or until somebody calls wake, also before.
func (f *fiber) wait(until int64) {
	if f.woken {
		f.woken = false
		return
	}
	f.sleep++
	f.asleep = true
	if until != never {
		f.resume(until - f.process.sim.now)
	}
	if !f.yield(struct{}{}) {
		panic(killed{})
	}
	f.woken = false
}

func (f *fiber) wake() {
	if f.woken || f.ended {
		return
	}
	f.woken = true
	if f.asleep {
		f.resume(0)
	}
}

// kill ends it where it sleeps. It may not kill itself.
func (f *fiber) kill() {
	f.stop()
	f.ended = true
}

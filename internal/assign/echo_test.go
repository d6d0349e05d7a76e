package assign

import (
	"testing"
	"time"
)

func TestEcho(t *testing.T) {
	var e Echo
	now, counter := begin, uint64(0)
	renew := func(after time.Duration, deaf, due bool) {
		t.Helper()
		now, counter = now.Add(after), counter+1
		e.Renewed(counter, now)
		if e.Deaf() != deaf || e.Due() != due {
			t.Errorf("renewal %d: deaf %v, due %v", counter, e.Deaf(), e.Due())
		}
	}
	for range 10 {
		renew(Renewal, false, false)
		e.Heard(counter)
	}
	for range TTL / Renewal {
		renew(Renewal, false, false)
	}
	renew(time.Hour, false, false) // the store was away
	for range TTL / Renewal {
		renew(Renewal, false, false)
	}
	e.Heard(counter - 1) // late, and a sign nevertheless
	for range TTL / Renewal {
		renew(Renewal, false, false)
		e.Heard(11) // told before
	}
	renew(Renewal, true, true)
	e.Opened()
	e.Heard(counter) // how it stood
	for range 2 * TTL / Renewal {
		renew(Renewal, true, false)
	}
	renew(Renewal, true, true) // the second has had twice the time
	e.Opened()
	renew(Renewal, true, false)
	e.Heard(counter)
	for range TTL / Renewal {
		renew(Renewal, false, false)
	}
	renew(Renewal, true, true)
}

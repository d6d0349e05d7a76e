package transport

import "fmt"

// CheckName says what is wrong with the name of a cluster, a worker or a store: a
// part of a subject on the wire, 1 to 128 letters, digits, hyphens and underscores.
func CheckName(name string) error { return check("name", name, false) }

// CheckKey says what is wrong with a key of a Store: as CheckName, with dots between
// its parts.
func CheckKey(key string) error { return check("key", key, true) }

func check(what, s string, dots bool) error {
	if s == "" || len(s) > 128 {
		return fmt.Errorf("transport: %s %.140q has %d characters: it must have 1 to 128", what, s, len(s))
	}
	dot := true // a dot may not be first, last, or beside another
	for i := range len(s) {
		c := s[i]
		switch {
		case 'a' <= c|0x20 && c|0x20 <= 'z', '0' <= c && c <= '9', c == '-', c == '_':
			dot = false
		case dots && c == '.' && !dot && i < len(s)-1:
			dot = true
		default:
			return fmt.Errorf("transport: %s %q has %q at %d: letters, digits, hyphens and underscores may stand there", what, s, c, i)
		}
	}
	return nil
}

// CheckFrame is the error of a Send for a payload of n bytes to the worker to on
// lane, or nil: a bad name, no such lane, more than MaxFrame.
func CheckFrame(to string, lane Lane, n int) error {
	switch {
	case lane >= Lanes:
		return fmt.Errorf("transport: there is no lane %d", lane)
	case n > MaxFrame:
		return fmt.Errorf("transport: a frame of %d bytes is larger than the %d that a net carries", n, MaxFrame)
	}
	return CheckName(to)
}

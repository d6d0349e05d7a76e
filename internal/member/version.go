package member

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// A Version is what a worker runs: one version of a topology.
type Version struct {
	Fingerprint string         `json:"fingerprint"`
	Parallelism map[string]int `json:"parallelism"` // by component
}

// announced is a version in the store, with a counter that its worker raises.
type announced struct {
	Counter uint64 `json:"counter"`
	Version
}

func (a announced) encode() []byte {
	b, err := json.Marshal(a)
	if err != nil {
		panic(err) // numbers and strings
	}
	return b
}

func decodeAnnounced(b []byte) (a announced, err error) {
	if err = json.Unmarshal(b, &a); err == nil && (a.Counter == 0 || a.Fingerprint == "") {
		err = errors.New("no counter or no fingerprint")
	}
	return a, err
}

// lines says in one line per other version how it differs from here, given what each
// worker of all versions runs.
func lines(topology string, here Version, all []Version) (text []string) {
	workers := map[string]int{}
	there := map[string]Version{}
	for _, v := range all {
		workers[v.Fingerprint]++
		there[v.Fingerprint] = v
	}
	delete(there, here.Fingerprint)
	for _, fingerprint := range slices.Sorted(maps.Keys(there)) {
		n, s := workers[fingerprint], "s"
		if n == 1 {
			s = ""
		}
		line := fmt.Sprintf("cluster %s also runs as %s (%d worker%s)", topology, fingerprint, n, s)
		if d := differences(here.Parallelism, there[fingerprint].Parallelism); len(d) > 0 {
			line += ": " + strings.Join(d, "; ")
		}
		text = append(text, line)
	}
	return text
}

func differences(here, there map[string]int) (d []string) {
	both := maps.Clone(here)
	maps.Copy(both, there)
	for _, c := range slices.Sorted(maps.Keys(both)) {
		switch h, t := here[c], there[c]; {
		case h == t:
		case h == 0:
			d = append(d, fmt.Sprintf("%s x%d there, not here", c, t))
		case t == 0:
			d = append(d, fmt.Sprintf("%s x%d here, not there", c, h))
		default:
			d = append(d, fmt.Sprintf("%s x%d there, x%d here", c, t, h))
		}
	}
	return d
}

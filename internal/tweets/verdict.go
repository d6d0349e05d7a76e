package tweets

import "slices"

// A Verdict is what the oracle found.
type Verdict struct {
	In, Out    int // records of the input and of the outputs
	Bad        int // inputs that are no tweets
	Missing    int // inputs that no output has
	Duplicates int // outputs beyond the first of an input
	Phantoms   int // outputs that were never an input
}

// OK reports whether every input came out once, and nothing else did.
func (v Verdict) OK() bool { return v.Missing == 0 && v.Duplicates == 0 && v.Phantoms == 0 }

// compare counts the difference of two multisets of hashes, which it sorts.
func (v *Verdict) compare(in, out []uint64) {
	slices.Sort(in)
	slices.Sort(out)
	for len(in) > 0 || len(out) > 0 {
		if len(in) == 0 {
			v.Phantoms += len(out)
			return
		}
		hash := in[0]
		before := run(out, func(h uint64) bool { return h < hash })
		v.Phantoms += before
		out = out[before:]
		is := func(h uint64) bool { return h == hash }
		wanted, got := run(in, is), run(out, is)
		v.Missing += max(wanted-got, 0)
		v.Duplicates += max(got-wanted, 0)
		in, out = in[wanted:], out[got:]
	}
}

// run is how many of the first hashes are as wanted.
func run(hashes []uint64, is func(uint64) bool) int {
	for i, h := range hashes {
		if !is(h) {
			return i
		}
	}
	return len(hashes)
}

// Package steps tells from a CPU profile what the Kafka job spends its time on: decoding,
// hops, acking, and so on. It goes by the functions on a sample's stack.
//
// The invariant: every sample is in exactly one step, so that the shares add up to one: in
// one of the runtime's if that is anywhere on the stack, else in that of the innermost
// function that belongs to one, else in "other".
// A benchmark calls it when its contenders have written their profiles; there are no
// goroutines.
//
//	shares, err := steps.Of("reference-acked.pprof")
//	fmt.Println(shares[0].Step, shares[0].Part)
package steps

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/google/pprof/profile"
)

// A Share is the part of the CPU time, from 0 to 1, that one step took.
type Share struct {
	Step string
	Part float64
}

// Other is the step of what belongs to none.
const Other = "other"

// A step is known by functions on the stack.
type step struct {
	name      string
	functions *regexp.Regexp
}

var list = []step{
	// What the runtime and the kernel do for others: theirs wherever on the stack they are.
	{"malloc and GC", regexp.MustCompile(`^(gcWriteBarrier|runtime\.(mallocgc|growslice|makeslice|newobject|gcBgMarkWorker|gcAssist|gcStart|gcWriteBarrier|bgsweep|bgscavenge|wbBufFlush|sweepone|scanobject))`)},
	{"sockets", regexp.MustCompile(`^(internal/runtime/)?syscall\b|^internal/poll\.\(\*FD\)|^runtime\.netpoll`)},
	{"channels and select", regexp.MustCompile(`^runtime\.(chansend|chanrecv|selectgo|selectnbsend|selectnbrecv)`)},
	{"scheduler", regexp.MustCompile(`^runtime\.(mcall|park_m|schedule|findRunnable|goready|ready|wakep|mstart|notewakeup|goexit0|asyncPreempt|sysmon)\d*$`)},

	{"low water and commits", regexp.MustCompile(`internal/lowwater\.|kafka\.\(\*ownership\)|internal/kafkaio\..*[cC]ommit`)},
	{"acking", regexp.MustCompile(`waterspout/acker\.|internal/engine\.\(\*(holds|slab|lane|laneBuffers|edges|anchor)\)|tuple\.AckAll`)},
	{"decode", regexp.MustCompile(`waterspout/avro\..*[dD]ecod|hamba/avro/v2\..*(Decode|Read)`)},
	{"encode", regexp.MustCompile(`waterspout/avro\..*([eE]ncod|Append)|hamba/avro/v2\..*(Encode|Write)`)},
	{"produce", regexp.MustCompile(`internal/kafkaio\.\(?\*?(Writer|link|batch|partition|router|pool|append)|kafka\.\(\*Sink\)|sarama\..*([pP]roduce|[eE]ncode)|kgo\..*([pP]roduce|sink|recBuf|recBatch)`)},
	{"fetch", regexp.MustCompile(`kafka\.\(\*(Source|stretch)\)|internal/kafkaio\.|IBM/sarama\.|/kgo\.|/kmsg\.`)},
	{"hops", regexp.MustCompile(`internal/(engine|mailbox)\.|waterspout/(grouping|spout|bolt)\.`)},
	{"the loop itself", regexp.MustCompile(`benchmarks/internal/reference\.`)},
}

// shared is how many of the list are not the job's own.
const shared = 4

// Names are the steps, in the order in which they are looked for, and Other.
func Names() []string {
	var names []string
	for _, s := range list {
		names = append(names, s.name)
	}
	return append(names, Other)
}

// Of reads a CPU profile as package runtime/pprof writes it.
func Of(path string) ([]Share, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	p, err := profile.Parse(f)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return share(p), nil
}

// share sorts the samples of p, whose last value is the CPU time, into the steps.
func share(p *profile.Profile) []Share {
	shares := make([]Share, len(list)+1)
	for i, name := range Names() {
		shares[i].Step = name
	}
	var all float64
	for _, s := range p.Sample {
		v := float64(s.Value[len(s.Value)-1])
		shares[place(s)].Part += v
		all += v
	}
	for i := range shares {
		shares[i].Part /= max(all, 1)
	}
	return shares
}

// place is where in the list the step of a sample is.
func place(s *profile.Sample) int {
	var names []string // the innermost first
	for _, l := range s.Location {
		for _, line := range l.Line {
			if line.Function != nil {
				names = append(names, plain(line.Function.Name))
			}
		}
	}
	has := func(i int) bool { return slices.ContainsFunc(names, list[i].functions.MatchString) }
	for i := range shared {
		if has(i) {
			return i
		}
	}
	for _, name := range names {
		for i := shared; i < len(list); i++ {
			if list[i].functions.MatchString(name) {
				return i
			}
		}
	}
	return len(list)
}

// plain is the name of a function without type arguments, which name other packages.
func plain(name string) string {
	from, to := strings.IndexByte(name, '['), strings.LastIndexByte(name, ']')
	if from < 0 || to < from {
		return name
	}
	return name[:from] + name[to+1:]
}

// Package wordcount is the word count in memory, three times: as a topology with
// every tuple acked, as the same topology untracked, and written by hand with
// channels of slices. The invariant: all three make the same counts of the same
// lines, which is checked after every run.
//
//	harness.Register("wordcount", wordcount.Run)
//	run, err := harness.Measure(ctx, env, "wordcount", wordcount.Spec{Contender: "acked", Lines: 4_000_000, Tasks: 2})
//
// Run is called in a process of its own, once.
package wordcount

import (
	"context"
	"fmt"

	"github.com/waterspout/waterspout/benchmarks/internal/harness"
)

// Spec is one run.
type Spec struct {
	Contender string // acked, unacked, handwritten
	Lines     int
	Tasks     int    // that split, and as many that count
	Profile   string // path of a CPU profile to write; none if empty
}

// TuplesPerLine is how many executed tuples a line makes: itself and its words.
const TuplesPerLine = 1 + wordsPerLine

// Run counts a tenth of the lines to warm up and then all of them. The count it
// reports is of executed tuples.
func Run(ctx context.Context, s Spec) (harness.Usage, error) {
	job, ok := map[string]func(context.Context, []string, int, int) ([]counts, error){
		"acked": acked, "unacked": unacked, "handwritten": handwritten,
	}[s.Contender]
	if !ok {
		return harness.Usage{}, fmt.Errorf("wordcount: no contender %q", s.Contender)
	}
	text := newText()
	if _, err := job(ctx, text, s.Lines/10, s.Tasks); err != nil {
		return harness.Usage{}, err
	}
	meter, err := harness.StartMeter(s.Profile)
	if err != nil {
		return harness.Usage{}, err
	}
	got, err := job(ctx, text, s.Lines, s.Tasks)
	usage, stopped := meter.Stop(uint64(s.Lines) * TuplesPerLine)
	if err == nil {
		err = stopped
	}
	if err == nil {
		err = check(text, s.Lines, got)
	}
	return usage, err
}

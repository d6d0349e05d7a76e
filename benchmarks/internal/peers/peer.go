package peers

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	sources "github.com/waterspout/waterspout/benchmarks/peers"

	"github.com/waterspout/waterspout/benchmarks/internal/models"
)

// A Peer is an engine of other people, set up in one way.
type Peer struct {
	Name string // with its version
	// Commits tells where its progress is: in the group's commits, or, if false, in
	// a checkpoint directory, so that the group has none.
	Commits bool
	Program string // of the sources in benchmarks/peers
	Aside   bool   // another setting of the one before; see [models.Engine]

	module, main string
	java         []string // options of the virtual machine
	settings     []string // of the program, name=value
}

// slots are the tasks that Spark runs at once. Real-time Mode needs one for each
// partition, and with less reads only some of them, without a word.
const slots = 5

// On two cores the parallel collector costs less than G1 with all of them.
var machine = []string{"-Xmx2g", "-XX:+UseParallelGC"}

var peers = []Peer{
	storm("Apache Storm 2.8.3"),
	dstreams("Apache Spark 3.5.5, DStreams, 1 s", 1000),
	aside(dstreams("Apache Spark 3.5.5, DStreams, 200 ms", 200)),
	structured("Apache Spark 4.1.1, Structured Streaming, 1 s", "batches", "1 second"),
	aside(structured("Apache Spark 4.1.1, Structured Streaming, as fast as possible", "batches", "0 seconds")),
	structured("Apache Spark 4.1.1, Real-time Mode, 5 s", "realtime", "5 seconds"),
}

// Peers are all there are, in the order of Engines.
func Peers() []Peer { return slices.Clone(peers) }

func storm(name string) Peer {
	return Peer{
		Name: name, Commits: true, Program: "storm/Storm.java", module: "storm", main: "Storm",
		java:     machine,
		settings: []string{"spouts=2", "writers=1", "batch=1000", "linger=5", "poll=2000"},
	}
}

func dstreams(name string, interval int) Peer {
	return Peer{
		Name: name, Commits: true, Program: "dstreams/DStreams.java", module: "dstreams", main: "DStreams",
		java:     slices.Concat(machine, opens),
		settings: []string{"parallelism=" + strconv.Itoa(slots), "interval=" + strconv.Itoa(interval)},
	}
}

func structured(name, trigger, interval string) Peer {
	return Peer{
		Name: name, Program: "structured/Structured.java", module: "structured", main: "Structured",
		java:     slices.Concat(machine, opens),
		settings: []string{"parallelism=" + strconv.Itoa(slots), "trigger=" + trigger, "interval=" + interval},
	}
}

func aside(p Peer) Peer {
	p.Aside = true
	return p
}

// scaled are the settings that follow the scale of a job. Spark has as many tasks as
// there are partitions, and tracks no trees.
func (p Peer) scaled(s models.Scale) []string {
	if p.module != "storm" {
		return nil
	}
	return []string{
		"tasks=" + strconv.Itoa(cmp.Or(s.Tasks, 1)),
		"pending=" + strconv.Itoa(cmp.Or(s.Pending, 2000)),
	}
}

// Source is the text of the peer's program, for [models.Lines].
func (p Peer) Source() (string, error) {
	b, err := sources.Sources.ReadFile(p.Program)
	return string(b), err
}

// Programs are the sources of the peers, each told once, with the lines that it has.
func Programs() (all []models.Program, err error) {
	for _, p := range peers {
		program := models.Program{Engine: strings.SplitN(p.Name, ",", 2)[0], Path: "benchmarks/peers/" + p.Program}
		source, err := p.Source()
		if err != nil {
			return nil, err
		}
		if program.Lines = models.Lines(source); !slices.ContainsFunc(all, func(q models.Program) bool { return q.Path == program.Path }) {
			all = append(all, program)
		}
	}
	return all, nil
}

// Engines builds the peers, which takes a minute and the network the first time and
// no time later, and returns one engine for each of [Peers]. Their logs and
// checkpoints are in dir, a directory for each group; the caller removes it when all
// have ended. An engine ends with the context that it was started with, and refuses
// a job with poison. The error of a machine without Java 17 or Maven is one line that
// says what to install.
func Engines(ctx context.Context, dir string) ([]models.Engine, error) {
	cache, err := cacheDir()
	if err != nil {
		return nil, err
	}
	tools, err := findTools(ctx)
	if err != nil {
		return nil, err
	}
	var all []models.Engine
	for _, p := range peers {
		built, err := tools.build(ctx, cache, p.module)
		if err != nil {
			return nil, fmt.Errorf("peers: build %s: %w", p.Name, err)
		}
		all = append(all, models.Engine{Name: p.Name, Aside: p.Aside, Start: func(ctx context.Context, j models.Job) (models.Process, error) {
			return start(ctx, tools.java, built, dir, p, j)
		}})
	}
	return all, nil
}

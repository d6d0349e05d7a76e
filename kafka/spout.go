package kafka

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/IBM/sarama"

	"github.com/waterspout/waterspout/internal/kafkaio"
	"github.com/waterspout/waterspout/spout"
)

// A Spout says what to read and how. It is a plain value: fill in the first
// three fields and pass its method New to topology.Spout. Mistakes in it are
// reported when the topology starts.
type Spout struct {
	Brokers []string // host:port of some brokers of the cluster; required
	Topics  []string // required; they must exist
	Group   string   // consumer group, whose commits say where to go on; required

	// Instance makes the tasks static members, whose group.instance.id is
	// Instance, a hyphen and the task's index: a successor of the same name takes over at once instead
	// of after the session timeout. Two running tasks must not have the same.
	// Between workers it is filled in: a task's successor on another worker has
	// its name.
	Instance string

	First First // where to start a partition that has no committed offset; zero is Earliest
	Stop  Stop  // zero is Never

	Retry  spout.Retry // of failed records; zero is without limit
	Dead   string      // dead-letter topic for records that are rejected or out of attempts: the record as it was, with more headers ([HeaderReason] and so on)
	GiveUp GiveUp      // what happens to them without Dead; zero is Halt

	// OutOfRange is where to go on when the broker has deleted records that
	// were not read yet, zero is Earliest. It is logged, and what was skipped
	// is counted.
	OutOfRange First

	// Uncommitted reads the records of open and aborted transactions, too.
	Uncommitted bool

	CommitEvery time.Duration // between commits; zero is 200 ms
	CommitAfter int           // acked records that make a commit due earlier; zero is 10,000

	// MaxBytes bounds the memory of the records that a task holds because they
	// are not acked, or because older ones of their partition are not; zero is
	// 64 MiB. A partition that has used its share is not fetched until its
	// oldest record is done. The bound is exceeded by up to three fetches
	// (1 MiB each) per partition.
	MaxBytes int

	// Sarama is for TLS, SASL, sizes and time-outs. It is checked and never
	// changed. What still is as sarama.NewConfig made it has our defaults, as
	// if Sarama were nil: a balance strategy of range, too, is then cooperative
	// sticky. A RackID is refused: only leaders are read. Set
	// Consumer.Group.Rebalance.Timeout to more than twice what a tree takes:
	// for half of it a partition that is taken away waits for its open trees. A
	// balance strategy that is not sarama's is called by all tasks, at once too.
	// sarama's own metrics are kept only with it, in its MetricRegistry.
	Sarama *sarama.Config
}

// First is a place to start in a partition. The zero First is [Earliest].
type First struct{ start kafkaio.Start }

// The places that need no time. Latest is the end at the time the partition is
// first assigned; it is committed before any record is emitted, so that nothing
// written after that is missed.
var (
	Earliest = First{kafkaio.Earliest}
	Latest   = First{kafkaio.Latest}
)

// At is the first record with a time of t or later, or the end if there is none
// so young.
func At(t time.Time) First { return First{kafkaio.At(t)} }

// String is earliest, latest, or the time.
func (f First) String() string { return f.start.String() }

// Stop says when a Source is exhausted.
type Stop uint8

// The values of Stop.
const (
	Never Stop = iota // reads until the topology is stopped
	AtEnd             // once the group has committed all that the topics had when the task was opened
)

// GiveUp says what happens to a record that is rejected or out of attempts, when
// there is no dead-letter topic.
type GiveUp uint8

// The values of GiveUp.
const (
	Halt GiveUp = iota // the topology ends with an error that names topic, partition and offset; the record stays uncommitted
	Drop               // the record is counted as "records dropped", logged and committed
)

// Defaults of a Spout's fields.
const (
	defaultCommitEvery = 200 * time.Millisecond
	defaultCommitAfter = 10_000
	defaultMaxBytes    = 64 << 20
)

// New makes one task.
func (s Spout) New() *Source { return newSource(s.defaults()) }

// Name is what tells this spout's input from another's: two topologies that
// differ in it do not exchange tuples.
func (s Spout) Name() string {
	name := fmt.Sprintf("kafka %s group %s from %s", strings.Join(s.Topics, ","), s.Group, s.First)
	if s.Stop == AtEnd {
		name += " to the end"
	}
	return name
}

func (s Spout) defaults() Spout {
	if s.CommitEvery <= 0 {
		s.CommitEvery = defaultCommitEvery
	}
	if s.CommitAfter <= 0 {
		s.CommitAfter = defaultCommitAfter
	}
	if s.MaxBytes <= 0 {
		s.MaxBytes = defaultMaxBytes
	}
	return s
}

func (s Spout) check() error {
	switch {
	case len(s.Brokers) == 0:
		return errors.New("kafka: no brokers; set kafka.Spout.Brokers")
	case len(s.Topics) == 0:
		return errors.New("kafka: no topics; set kafka.Spout.Topics")
	case s.Group == "":
		return errors.New("kafka: no consumer group; set kafka.Spout.Group")
	case s.Stop > AtEnd:
		return fmt.Errorf("kafka: stop %d; use kafka.Never or kafka.AtEnd", s.Stop)
	case s.GiveUp > Drop:
		return fmt.Errorf("kafka: give up %d; use kafka.Halt or kafka.Drop", s.GiveUp)
	}
	for _, topic := range s.Topics {
		if topic == "" {
			return errors.New("kafka: a topic without a name; look at kafka.Spout.Topics")
		}
		if topic == s.Dead {
			return fmt.Errorf("kafka: the dead-letter topic %s is also read; use another one", topic)
		}
	}
	return nil
}

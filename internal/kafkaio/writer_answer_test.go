package kafkaio

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/IBM/sarama"
	"github.com/twmb/franz-go/pkg/kmsg"
	"pgregory.net/rapid"
)

// A ghostBroker keeps the log of one partition as a broker does: it numbers the
// records of each producer and knows a batch that it has written before.
type ghostBroker struct {
	log      []string
	seen     map[int64][]ghostBatch // by producer id, of the batches written
	disowned map[int64]bool         // by producer id
}

type ghostBatch struct {
	first  int32
	n      int
	offset int64
}

// write is the broker's honest answer to a batch of the given values.
func (g *ghostBroker) write(b *sarama.RecordBatch, values []string) (offset int64, code sarama.KError) {
	if slices.ContainsFunc(values, func(v string) bool { return strings.HasPrefix(v, "bad") }) {
		return -1, sarama.ErrInvalidRecord
	}
	if g.disowned[b.ProducerID] {
		return -1, sarama.ErrProducerFenced
	}
	next := int32(0)
	for _, s := range g.seen[b.ProducerID] {
		if s.first == b.FirstSequence && s.n == len(b.Records) {
			return s.offset, sarama.ErrNoError
		}
		next = after(s.first, s.n)
	}
	if b.FirstSequence != next {
		return -1, sarama.ErrOutOfOrderSequenceNumber
	}
	offset = int64(len(g.log))
	g.seen[b.ProducerID] = append(g.seen[b.ProducerID], ghostBatch{next, len(b.Records), offset})
	g.log = append(g.log, values...)
	return offset, sarama.ErrNoError
}

// A verdictOf is what became of one record.
type verdictOf struct {
	offset int64
	err    error
}

// A writerScript drives the Writer's state of one partition by hand, without
// goroutines, against a ghostBroker.
type writerScript struct {
	w         *Writer[int]
	l         *link[int]
	p         *partition[int]
	broker    ghostBroker
	written   int
	values    []string // by token
	results   map[int]verdictOf
	producer  int64
	forbidden bool // a batch was
	inDoubt   bool // a batch that may be in the log was or will be sent under another identity, or was forbidden
}

func newWriterScript(t *rapid.T) *writerScript {
	conf, err := WriterOptions{}.producerConfig()
	if err != nil {
		t.Fatal(err)
	}
	conf.Producer.MaxMessageBytes = 1000
	conf.Producer.Retry.Max = 3
	pack := &compression{}
	if rapid.Bool().Draw(t, "cannot be packed") { // so that sarama encodes the records
		pack = &compression{codec: sarama.CompressionGZIP, stream: unwilling{}}
	}
	s := &writerScript{
		p: &partition[int]{topic: "t", spoiled: true}, results: map[int]verdictOf{},
		broker: ghostBroker{seen: map[int64][]ghostBatch{}, disowned: map[int64]bool{}},
	}
	s.w = &Writer[int]{
		conf: conf, results: func(r Result[int]) { s.heard(t, r) },
		space: make(chan struct{}, 1), seek: make(chan struct{}, 1), idle: make(chan struct{}, 1),
	}
	s.l = &link[int]{w: s.w, pack: pack, wake: make(chan struct{}, 1)}
	return s
}

// An unwilling stream writes nothing.
type unwilling struct{}

func (unwilling) Write([]byte) (int, error) { return 0, errors.ErrUnsupported }
func (unwilling) Close() error              { return nil }
func (unwilling) Reset(io.Writer)           {}

// write writes a few records, each a second later than the one before, and pushes
// them.
func (s *writerScript) write(t *rapid.T) {
	for range rapid.IntRange(1, 5).Draw(t, "records") {
		value := strconv.Itoa(s.written)
		if rapid.IntRange(0, 9).Draw(t, "bad") == 0 {
			value = "bad" + value
		}
		s.values = append(s.values, value)
		r := &Record{Topic: "t", Value: []byte(value)}
		r.Time = time.Unix(int64(s.written), 0)
		s.w.add(s.p, r, s.written, size(r))
		s.written++
	}
	if err := s.w.Push(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// heard is told of the outcome of records that were written one after the other.
func (s *writerScript) heard(t *rapid.T, r Result[int]) {
	for i, token := range r.Tokens {
		if _, twice := s.results[token]; twice {
			t.Fatalf("record %d has two results", token)
		}
		offset := int64(-1)
		if r.Offset >= 0 {
			offset = r.Offset + int64(i)
		}
		s.results[token] = verdictOf{offset, r.Err}
	}
}

// house is what seekHomes does, with a leader at hand.
func (s *writerScript) house(*rapid.T) {
	for range s.w.lookout {
		if s.p.spoiled {
			s.producer++
			s.p.adopt(identity{producer: s.producer})
		}
		s.p.home = s.l
		s.l.homed = append(s.l.homed, s.p)
	}
	s.w.lookout = nil
}

func (s *writerScript) collect(*rapid.T) {
	if len(s.l.sent) == 0 {
		s.l.collect()
	}
}

// answer is what the broker, or the network, makes of the batch in flight.
func (s *writerScript) answer(t *rapid.T) {
	if len(s.l.sent) == 0 {
		return
	}
	sent := s.l.sent[0]
	s.l.sent = s.l.sent[:0]
	wire := sent.batch.seal(s.w.conf, s.l.pack, s.p.id)
	values := s.inspect(t, wire, sent.batch.encoded)
	var err error
	block := &sarama.ProduceResponseBlock{Offset: -1}
	switch rapid.SampledFrom([]string{"honest", "honest", "honest", "unsent", "lost", "unanswered", "timed out", "timed out before", "too few replicas", "moved", "forbidden", "disowned"}).Draw(t, "answer") {
	case "honest":
		block.Offset, block.Err = s.broker.write(wire, values)
		if block.Err == sarama.ErrOutOfOrderSequenceNumber || block.Err == sarama.ErrProducerFenced {
			t.Fatalf("batch %d+%d of producer %d: %v", wire.FirstSequence, len(wire.Records), wire.ProducerID, block.Err)
		}
	case "unsent":
		err = unsentError{fmt.Errorf("connection refused")}
	case "lost":
		err = fmt.Errorf("connection reset")
	case "unanswered":
		s.broker.write(wire, values)
		err = fmt.Errorf("connection reset")
	case "timed out":
		if _, block.Err = s.broker.write(wire, values); block.Err == sarama.ErrNoError {
			block.Err = sarama.ErrRequestTimedOut
		}
	case "timed out before":
		block.Err = sarama.ErrRequestTimedOut
	case "too few replicas":
		block.Err = sarama.ErrNotEnoughReplicas
	case "moved":
		block.Err = sarama.ErrNotLeaderForPartition
	case "forbidden": // which a broker says before it looks whether it has the batch
		s.inDoubt = s.inDoubt || sent.batch.tries > 0
		s.forbidden = true
		block.Err = sarama.ErrTopicAuthorizationFailed
	case "disowned":
		s.inDoubt = s.inDoubt || sent.batch.tries > 0
		s.broker.disowned[wire.ProducerID] = true
		block.Err = sarama.ErrProducerFenced
	}
	response := &sarama.ProduceResponse{Blocks: map[string]map[int32]*sarama.ProduceResponseBlock{"t": {0: block}}}
	s.l.ended = s.l.ended[:0]
	s.l.answer(s.p, response, err)
	s.w.report(s.l.ended)
}

// inspect holds that each record has its place in the batch and its own time, and
// returns the records' values.
func (s *writerScript) inspect(t *rapid.T, wire *sarama.RecordBatch, encoded []byte) (values []string) {
	if int(wire.LastOffsetDelta) != len(wire.Records)-1 {
		t.Fatalf("%d records, the last is %d", len(wire.Records), wire.LastOffsetDelta)
	}
	for i, r := range wire.Records {
		if r == nil {
			r, encoded = decodeRecord(t, encoded)
		}
		token, err := strconv.Atoi(strings.TrimPrefix(string(r.Value), "bad"))
		at := wire.FirstTimestamp.Add(r.TimestampDelta)
		if err != nil || r.OffsetDelta != int64(i) || at.Unix() != int64(token) || at.After(wire.MaxTimestamp) {
			t.Fatalf("record %d of a batch is %q at %d, of %v", i, r.Value, r.OffsetDelta, at.UTC())
		}
		values = append(values, string(r.Value))
	}
	return values
}

// decodeRecord reads a record as somebody else does.
func decodeRecord(t *rapid.T, b []byte) (r *sarama.Record, rest []byte) {
	length, n := binary.Varint(b)
	if n <= 0 || length < 0 || int(length) > len(b)-n {
		t.Fatalf("a length of %d in front of %d bytes", length, len(b)-n)
	}
	var k kmsg.Record
	if err := k.ReadFrom(b[:n+int(length)]); err != nil {
		t.Fatal(err)
	}
	r = &sarama.Record{
		Key: k.Key, Value: k.Value, OffsetDelta: int64(k.OffsetDelta),
		TimestampDelta: time.Duration(k.TimestampDelta64) * time.Millisecond,
	}
	for _, h := range k.Headers {
		r.Headers = append(r.Headers, &sarama.RecordHeader{Key: []byte(h.Key), Value: h.Value})
	}
	return r, b[n+int(length):]
}

// finish goes on until nothing is left.
func (s *writerScript) finish(t *rapid.T) {
	for i := 0; len(s.results) < s.written; i++ {
		if i > 10_000 {
			t.Fatalf("%d of %d records have a result", len(s.results), s.written)
		}
		s.house(t)
		s.collect(t)
		s.answer(t)
	}
	if s.w.queued != 0 || len(s.p.queue) != 0 {
		t.Fatalf("%d bytes, %d batches left", s.w.queued, len(s.p.queue))
	}
}

// check compares results and log.
func (s *writerScript) check(t *rapid.T) {
	count, firstAt := map[string]int{}, map[string]int{}
	for i, v := range s.broker.log {
		if count[v]++; count[v] == 1 {
			firstAt[v] = i
		}
	}
	last := -1
	for token, v := range s.values {
		r := s.results[token]
		_, refused := r.err.(*RefusedError)
		switch {
		case refused && v[0] != 'b' && !s.forbidden:
			t.Errorf("good record %s was refused: %v", v, r.err)
		case v[0] == 'b' && (r.err == nil || count[v] > 0):
			t.Errorf("bad record %s: %v, written %d times", v, r.err, count[v])
		case r.err != nil && count[v] > 0 && !s.inDoubt:
			t.Errorf("record %s is there, and was given up: %v", v, r.err)
		case r.err != nil:
		case count[v] == 0:
			t.Errorf("record %s is lost", v)
		case count[v] > 1 && !s.inDoubt:
			t.Errorf("record %s is there %d times", v, count[v])
		case firstAt[v] < last:
			t.Errorf("record %s comes before an earlier one", v)
		case r.offset >= 0 && s.broker.log[r.offset] != v:
			t.Errorf("record %s is not at offset %d", v, r.offset)
		default:
			last = firstAt[v]
		}
	}
}

// Whatever the broker and the network do, each record has one result, none that
// succeeded is lost or out of order, none is given up that is there, and none is
// there twice, unless the broker disowned the producer or forbade the topic after an
// answer was lost, and only bad ones are refused.
func TestPartitionKeepsOrderAndCount(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := newWriterScript(t)
		t.Repeat(map[string]func(*rapid.T){"write": s.write, "house": s.house, "collect": s.collect, "answer": s.answer})
		s.finish(t)
		s.check(t)
	})
}

// What never left as a request is not in doubt.
func TestUnwritten(t *testing.T) {
	for err, want := range map[error]bool{
		unsentError{io.EOF}: true, sarama.PacketEncodingError{Info: "a time"}: true, sarama.ErrNotEnoughReplicas: true,
		io.EOF: false, sarama.ErrRequestTimedOut: false, sarama.ErrNotEnoughReplicasAfterAppend: false, sarama.ErrNotLeaderForPartition: false,
	} {
		if unwritten(err) != want {
			t.Errorf("%v: unwritten %v", err, !want)
		}
	}
}
